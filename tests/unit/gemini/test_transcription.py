"""Questions to a model made for transcription, and what it heard: over a loopback, and read from odd replies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini.failures import failure_of_reply
from gemini.question import Attachment, HeardPart, HeardWord, Question, Transcription
from gemini.reply import read_reply
from models.failures import FailureCode
from tests.unit.gemini.asking import ask
from tests.unit.gemini.scripted import answer, http

CLIP = Attachment(data=b"fLaC", mime_type="audio/flac")
INLINE = {"inlineData": {"mimeType": "audio/flac", "data": "ZkxhQw=="}}
FULL = {
    "text": "Good morning.",
    "languageCode": "en-US",
    "speakerLabel": "spk_1",
    "startOffset": "1.250s",
    "endOffset": "2s",
    "words": [
        {"word": "Good", "startOffset": "1.250s", "endOffset": "1.5s"},
        {"word": "morning.", "startOffset": "1.500000001s", "endOffset": "2s"},
    ],
}


def asked(transcription: Transcription) -> Question:
    return Question(model="gemini-3.5-transcribe", transcription=transcription, attachments=(CLIP,), timeout_seconds=20)


def spoken(*parts: object, finish: str = "STOP") -> str:
    """An answer whose parts hold these transcriptions."""
    content = {"role": "model", "parts": [{"audioTranscription": part} for part in parts]}
    return answer(candidates=[{"content": content, "finishReason": finish}])


def heard(*parts: object) -> tuple[HeardPart, ...] | None:
    return read_reply({"candidates": [{"content": {"parts": [{"audioTranscription": part} for part in parts]}}]}).heard


@pytest.mark.parametrize(
    ("transcription", "config"),
    [
        (Transcription(), {}),
        (
            Transcription(language_codes=("de-CH", "en"), vocabulary=("Zmutt",), words=True, speakers=True),
            {
                "languageCodes": ["de-CH", "en"],
                "customVocabulary": ["Zmutt"],
                "wordTimestamp": True,
                "diarization": True,
            },
        ),
    ],
)
def test_a_model_for_transcription_gets_the_sound_and_what_is_asked_for_and_no_words(
    transcription: Transcription, config: dict[str, object]
) -> None:
    _, (request,) = ask(http(200, spoken(FULL)), asked(transcription))
    assert request.path == "/v1/models/gemini-3.5-transcribe:generateContent"
    assert request.json() == {
        "contents": [{"role": "user", "parts": [INLINE]}],
        "generationConfig": {"audioTranscriptionConfig": config},
    }


def test_what_was_heard_comes_back_in_seconds() -> None:
    call, _ = ask(http(200, spoken(FULL, {"text": "Yes."})), asked(Transcription()))
    assert call.failure is None
    assert call.text is None
    assert call.heard == (
        HeardPart(
            text="Good morning.",
            language="en-US",
            speaker="spk_1",
            start=1.25,
            end=2.0,
            words=(
                HeardWord(word="Good", start=1.25, end=1.5),
                HeardWord(word="morning.", start=1.500000001, end=2.0),
            ),
        ),
        HeardPart(text="Yes."),
    )


def test_what_was_heard_before_the_answer_was_cut_is_kept_with_the_failure() -> None:
    call, _ = ask(http(200, spoken({"text": "Half"}, finish="MAX_TOKENS")), asked(Transcription()))
    assert call.failure is not None
    assert call.failure.code is FailureCode.GEMINI_TRUNCATED
    assert call.heard == (HeardPart(text="Half"),)


@pytest.mark.parametrize("parts", [({},), ({"text": ""},), ({"text": " \n"}, {"text": None, "words": []})])
def test_a_transcription_without_words_says_that_nothing_was_said(parts: tuple[object, ...]) -> None:
    call, _ = ask(http(200, spoken(*parts)), asked(Transcription()))
    assert (call.failure, call.heard) == (None, ())


def test_an_answer_without_any_transcription_is_empty() -> None:
    call, _ = ask(http(200, spoken()), asked(Transcription()))
    assert call.failure is not None
    assert call.failure.code is FailureCode.GEMINI_EMPTY
    assert call.heard is None


@pytest.mark.parametrize(
    ("offset", "seconds"),
    [
        ("0s", 0.0),
        ("1800s", 1800.0),
        ("12.", 12.0),
        (3, 3.0),
        (3.5, 3.5),
        ("", None),
        ("s", None),
        ("-1s", None),
        (-1, None),
        ("1e3s", None),
        ("1_0s", None),
        ("00:01", None),
        ("nan", None),
        ("٣s", None),
        ("9999999999s", None),
        (10**400, None),
        (float("inf"), None),
        (float("nan"), None),
        (True, None),
        (None, None),
        ({"seconds": 1}, None),
    ],
)
def test_a_time_is_read_or_absent(offset: object, seconds: float | None) -> None:
    assert heard({"text": "x", "startOffset": offset}) == (HeardPart(text="x", start=seconds),)


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ({"audioTranscription": {"text": "Said."}}, "Said."),
        ({"text": "Said.", "audioTranscription": {"text": "Said."}}, "Said."),
        ({"text": "Said so.", "audioTranscription": {"words": [{"word": "Said"}, {"word": "so."}]}}, "Said so."),
        ({"text": "", "audioTranscription": {"words": [{"word": "Said"}, {"word": "so."}]}}, "Said so."),
        ({"audioTranscription": {"words": [{"word": "今日"}, {"word": "は"}, {"word": "。"}]}}, "今日は。"),
        ({"audioTranscription": {"words": [{"word": "안녕"}, {"word": "카페에"}]}}, "안녕 카페에"),
        ({"audioTranscription": {"words": [{"word": "我"}, {"word": "love"}, {"word": "猫"}]}}, "我 love 猫"),
    ],
)  # fmt: skip
def test_the_text_stands_in_the_transcription_beside_it_or_in_its_words(part: object, text: str) -> None:
    (found,) = read_reply({"candidates": [{"content": {"parts": [{"text": ""}, part]}}]}).heard or ()
    assert found.text == text


def test_words_that_cannot_be_read_are_left_out() -> None:
    words = [{"word": "so"}, {"word": ""}, {"startOffset": "1s"}, "it", {"word": "goes", "endOffset": "2s"}]
    (part,) = heard({"text": " ", "words": words}) or ()
    assert part.text == "so goes"
    assert part.words == (HeardWord(word="so"), HeardWord(word="goes", end=2.0))


def test_a_language_told_for_the_whole_answer_is_that_of_every_part_without_its_own() -> None:
    parts = [{"audioTranscription": {"text": "a"}}, {"audioTranscription": {"text": "b", "languageCode": "fr"}}]
    candidate = {"content": {"parts": parts}, "speechResult": {"languageCode": "de"}}
    found = read_reply({"candidates": [candidate]}).heard or ()
    assert [part.language for part in found] == ["de", "fr"]


def test_text_without_a_transcription_is_not_heard() -> None:
    reply = read_reply({"candidates": [{"content": {"parts": [{"text": "What a nice clip!"}]}}]})
    assert (reply.text, reply.heard) == ("What a nice clip!", None)


def test_thoughts_are_not_heard_and_names_are_no_longer_than_what_stores_them() -> None:
    parts = [
        {"audioTranscription": {"text": "Hm."}, "thought": True},
        {"audioTranscription": {"text": "a\x00b\ud800", "languageCode": "x" * 500, "speakerLabel": "y" * 500}},
    ]
    (part,) = read_reply({"candidates": [{"content": {"parts": parts}}]}).heard or ()
    assert part == HeardPart(text="ab?", language="x" * 50, speaker="y" * 50)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["word", "startOffset", "endOffset"]), inner, max_size=3)
    ),
    max_leaves=8,
)
_PARTS = st.dictionaries(
    st.sampled_from(["text", "languageCode", "speakerLabel", "startOffset", "endOffset", "words"]), _VALUES
)


@given(st.lists(_PARTS | _VALUES, max_size=4))
def test_no_transcription_however_malformed_raises(parts: list[object]) -> None:
    reply = read_reply(
        {
            "candidates": [
                {"content": {"parts": [{"audioTranscription": part} for part in parts]}, "finishReason": "STOP"}
            ]
        }
    )
    assert (failure_of_reply(reply, model="m") is None) == (reply.heard is not None)
    assert all(part.text for part in reply.heard or ())
