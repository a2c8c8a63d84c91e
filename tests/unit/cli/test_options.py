"""Flags become options of jobs, of the kinds that have them, and part of what a run is known by."""

from pathlib import Path
from typing import Any

import pytest

from cli.batches import Asked
from cli.exits import CommandError, Exit
from cli.options import KINDS_OF, ChannelsChoice, DetailChoice, given_options, options_of
from models.tier import ServiceTier
from tasks.registry import KINDS

NOTHING: dict[str, Any] = {
    "language": None, "prompt": None, "words": False, "speakers": False, "vocabulary": None, "channels": None,
    "track": None, "translate_to": None, "detail": None, "kind": "auto",
}  # fmt: skip
EVERYTHING: dict[str, Any] = {
    "language": "de", "prompt": "Be brief.", "words": True, "speakers": True, "vocabulary": ["Ærø", "Ærø", " Bornholm "],
    "channels": ChannelsChoice.SEPARATE, "track": "2", "translate_to": "fr", "detail": DetailChoice.LOW,
}  # fmt: skip


def given(**changes: Any) -> dict[str, Any]:
    return given_options(**NOTHING | changes)


def key(**options: Any) -> str:
    return Asked(paths=("/photos",), kind="auto", model="m", options=options, force=False).batch_key()


def test_another_tier_is_the_same_run() -> None:
    flex = Asked(paths=("/photos",), kind="auto", model="m", options={}, force=False, tier=ServiceTier.FLEX)
    assert flex.batch_key() == key()


def test_what_is_not_asked_for_is_no_option() -> None:
    assert given() == {}
    assert given(vocabulary=[]) == given(vocabulary=["  "]) == {}


def test_each_kind_gets_the_options_that_it_has_under_their_names() -> None:
    everything = given(**EVERYTHING)
    assert options_of("caption", everything) == {"language": "de", "prompt": "Be brief.", "detail": "low"}
    assert options_of("transcribe", everything) == {
        "language": "de", "prompt": "Be brief.", "words": True, "speakers": True, "vocabulary": ["Ærø", "Bornholm"],
        "channels": "separate", "track": 2, "translate_to": "fr",
    }  # fmt: skip


def test_the_table_names_kinds_that_there_are() -> None:
    assert {kind for kinds in KINDS_OF.values() for kind in kinds} == set(KINDS)
    assert set(given(**EVERYTHING)) == set(KINDS_OF)


@pytest.mark.parametrize(("track", "option"), [("1", 1), ("de", "de"), ("pt-BR", "pt-BR")])
def test_a_track_is_a_number_or_a_language(track: str, option: object) -> None:
    assert given(track=track) == {"track": option}


def test_terms_stand_in_the_command_or_one_a_line_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "terms.txt"
    file.write_bytes("\ufeffÆrø\r\n\r\n  Møn  \nKøge".encode())
    assert given(vocabulary=["Fyn", f"@{file}", "Møn"])["vocabulary"] == ["Fyn", "Ærø", "Møn", "Køge"]


def test_a_file_of_terms_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no such file") as missing:
        given(vocabulary=[f"@{tmp_path}/none"])
    assert missing.value.code is Exit.NOT_FOUND
    (tmp_path / "picture").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(CommandError, match="not UTF-8"):
        given(vocabulary=[f"@{tmp_path}/picture"])
    (tmp_path / "long").write_bytes(b"x" * (1 << 20) + b"x")
    with pytest.raises(CommandError, match="too long"):
        given(vocabulary=[f"@{tmp_path}/long"])


@pytest.mark.parametrize(
    ("kind", "name"), [("caption", "words"), ("caption", "translate_to"), ("transcribe", "detail")]
)
def test_a_flag_for_the_other_kind_is_refused_where_one_kind_alone_is_asked_for(kind: str, name: str) -> None:
    with pytest.raises(CommandError, match=f"--{name.replace('_', '-')} is not for --kind {kind}"):
        given(kind=kind, **{name: EVERYTHING[name]})


def test_a_run_is_known_by_its_options_whatever_their_order() -> None:
    keys = [
        key(),
        key(words=True),
        key(vocabulary=["a", "b"]),
        key(vocabulary=["b", "a"]),
        key(language="de", words=True),
    ]
    assert len(set(keys)) == len(keys)
    assert key(words=True, speakers=True) == key(speakers=True, words=True)


def test_a_run_without_later_options_is_known_as_it_was_before_there_were_any() -> None:
    assert key() == "run:2ce0fd648d431248f7327f66785711c282dd8ba3c3bd500189b1be089043b16e"
    assert key(language="de", prompt="x") == "run:0482b10e789ff90baef67d7d0b44cf05e681b6ccf7cb27a0ee8d22907d1b71d8"
