import importlib

import pytest

from cli.exits import CODE_OF, FAILURE_CODE_OF, CommandError, Exit, code_of, report, words_of
from models.failures import FailureCode, FailureError, failure
from worker.submit import RefusedError


@pytest.mark.parametrize("name", CODE_OF)
def test_every_named_exception_exists_and_is_told_by_its_name(name: str) -> None:
    module, _, kind = name.rpartition(".")
    exception = getattr(importlib.import_module(module), kind)
    assert code_of(exception.__new__(exception)) is CODE_OF[name]


def test_subclasses_end_as_their_parents_do() -> None:
    class WorseRefusedError(RefusedError):
        pass

    assert code_of(WorseRefusedError.__new__(WorseRefusedError)) is Exit.USAGE


def test_every_named_failure_code_exists() -> None:
    assert {str(code) for code in FailureCode} >= set(FAILURE_CODE_OF)


def test_a_failure_ends_by_its_code_and_says_its_message() -> None:
    error = FailureError(failure(FailureCode.GEMINI_AUTH, "No key is set."))
    assert (code_of(error), words_of(error)) == (Exit.NOT_ALLOWED, "No key is set.")


def test_what_nobody_expected_is_one_line_and_says_how_to_see_more(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(RuntimeError("first\nsecond")) is Exit.UNEXPECTED
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.count("\n") == 1
    assert "RuntimeError: first; MEDIASCRIBE_LOG_LEVEL=debug" in written.err


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIASCRIBE_LOG_LEVEL", "debug")
    report(RuntimeError("x"))
    assert "RuntimeError: x\nmediascribe: " in capsys.readouterr().err


def test_each_refused_item_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    problems = {place: failure(FailureCode.INVALID_OPTIONS, f"problem {place}") for place in range(25)}
    assert report(RefusedError(problems)) is Exit.USAGE
    lines = capsys.readouterr().err.splitlines()
    assert lines[1:3] == ["  item 1: problem 0", "  item 2: problem 1"]
    assert lines[-1] == "  and 15 more"


def test_the_system_s_refusals_name_the_file() -> None:
    assert words_of(PermissionError(13, "Permission denied", "x.jsonl")) == "x.jsonl: permission denied"


def test_a_command_error_says_its_words() -> None:
    assert (code_of(CommandError(Exit.CONFLICT, "no")), words_of(CommandError(Exit.CONFLICT, "no"))) == (6, "no")
