"""How a command ends: the exit codes, and one clear sentence for every exception that is somebody's to mend.

Exceptions are told by their names, so that this module stays cheap: their homes import the heavy libraries.
"""

import os
import traceback
from collections.abc import Mapping
from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    """The exit codes; a promise."""

    OK = 0
    UNEXPECTED = 1
    """A fault of mediascribe, or of the machine (a full disk)."""
    USAGE = 2
    """The command or a setting cannot be as it is."""
    SOME_FAILED = 3
    """Finished, but some jobs failed; or the budget is spent and some wait."""
    NOT_ALLOWED = 4
    """Gemini takes the key or the model for wrong."""
    NOT_FOUND = 5
    """A path, a job, a batch."""
    CONFLICT = 6
    """What is asked does not go with what is there."""
    TRY_AGAIN = 7
    """The database or the broker does not answer, or is not ready."""
    TIMED_OUT = 124
    """The wait was over before the work was."""
    INTERRUPTED = 130
    """Ctrl-C or SIGTERM."""


class CommandError(Exception):
    """A command ends with this code and these words, which say what happened and what to do next."""

    def __init__(self, code: Exit, words: str) -> None:
        super().__init__(words)
        self.code = code


CODE_OF: Mapping[str, Exit] = {
    "worker.environment.SettingsError": Exit.USAGE,
    "worker.submit.RefusedError": Exit.USAGE,
    "gemini.price_files.PriceFileError": Exit.USAGE,
    "simulator.faults.ScriptError": Exit.USAGE,
    "models.database.DatabaseUrlError": Exit.USAGE,
    "models.database.DatabaseUnavailableError": Exit.TRY_AGAIN,
    "models.database.DatabaseNotReadyError": Exit.TRY_AGAIN,
}
"""Module and name of an exception -> how the command ends."""

FAILURE_CODE_OF: Mapping[str, Exit] = {
    "gemini_auth": Exit.NOT_ALLOWED,
    "gemini_model_not_found": Exit.NOT_ALLOWED,
    "source_forbidden": Exit.NOT_ALLOWED,
    "source_not_found": Exit.NOT_FOUND,
    "invalid_options": Exit.USAGE,
}
"""Code of a failure that ends a whole command -> how it ends."""


def code_of(error: BaseException) -> Exit:
    """How a command ends that met this exception."""
    if isinstance(error, CommandError):
        return error.code
    if isinstance(error, KeyboardInterrupt):
        return Exit.INTERRUPTED
    names = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
    if "models.failures.FailureError" in names:
        return FAILURE_CODE_OF.get(str(_failure(error).code), Exit.UNEXPECTED)
    return next((code for name, code in CODE_OF.items() if name in names), Exit.UNEXPECTED)


def words_of(error: BaseException) -> str:
    """What happened and what to do next, on one line."""
    if isinstance(error, CommandError):
        return str(error)
    failure = _failure(error)
    if failure is not None:
        return str(failure.message)
    if isinstance(error, OSError):
        return _words_of_os_error(error)
    if code_of(error) is not Exit.UNEXPECTED:
        return str(error)
    first_line = (str(error).strip().splitlines() or ["no words"])[0]
    return f"unexpected {type(error).__name__}: {first_line}; MEDIASCRIBE_LOG_LEVEL=debug shows where"


def wants_traceback() -> bool:
    """Did the user ask for everything?"""
    return os.environ.get("MEDIASCRIBE_LOG_LEVEL") == "debug"


def report(error: Exception) -> Exit:
    """Say on stderr what happened; the exit code."""
    from cli.console import say

    if wants_traceback():
        say("".join(traceback.format_exception(error)))
    say(f"mediascribe: {words_of(error)}")
    return code_of(error)


def _failure(error: BaseException) -> Any:
    return getattr(error, "failure", None)


def _words_of_os_error(error: OSError) -> str:
    what = (error.strerror or str(error) or type(error).__name__).lower()
    return f"{error.filename}: {what}" if error.filename else what
