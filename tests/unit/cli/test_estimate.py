from cli.estimate import expected_usage
from gemini.abilities import Detail


def test_pictures_and_sound_have_their_tokens() -> None:
    usage, calls = expected_usage(3, [60.0], clip_seconds=600.0, model="gemini-3.8-flash")
    assert calls == 4
    assert usage.input_by_modality == {"IMAGE": 3 * 560, "AUDIO": 60 * 32, "TEXT": 4 * 250}
    assert usage.input_tokens == sum(usage.input_by_modality.values())
    assert usage.output_tokens == 3 * 150 + 60 * 6


def test_long_recordings_are_several_calls_and_older_models_see_fewer_tokens() -> None:
    _, calls = expected_usage(0, [1_201.0, 1.0], clip_seconds=600.0, model="gemini-3.8-flash")
    assert calls == 4
    usage, _ = expected_usage(1, [], clip_seconds=600.0, model="gemini-2.5-pro")
    assert usage.input_by_modality["IMAGE"] == 256


def test_a_closer_look_costs_more() -> None:
    usage, _ = expected_usage(2, [], clip_seconds=600.0, model="gemini-3.8-flash", detail=Detail.HIGH)
    assert usage.input_by_modality["IMAGE"] == 2 * 1_120
