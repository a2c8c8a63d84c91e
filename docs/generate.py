"""Writes the reference pages that repeat what the code says: settings, failures, command line, HTTP API and so on.

`python docs/generate.py` writes them; a test fails when a page differs from what would be written now. What cannot be
read from the code (what to do about a failure, what Google's own variables mean) stands in the tables of `docs/wording.py`.
"""

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import typer
from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from typer.cli import get_docs_for_click

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from api.app import routed_app
from api.figures import AGE, FIGURES, FRESH_SECONDS, UP
from api.problems import RETRYABLE, STATUSES, ProblemCode
from api.traffic import OF_THE_PROCESS
from cli.exits import Exit
from cli.main import app
from docs.wording import COMPUTED_DEFAULTS, FAILURES, GOOGLE_VARIABLES, UNITS
from models.failures import NATURES, FailureCode, Nature
from tests.unit.media import picture_inputs, sound_inputs
from tests.unit.media.inputs import Input
from worker.environment import GEMINI_NAMES
from worker.settings import PREFIX, Settings

REFERENCE = Path(__file__).parent / "reference"
_NOTE = "<!-- Written by docs/generate.py from the code; change it there. -->"


def settings_page() -> str:
    """Every setting: name, default, unit, bounds, meaning; and the variables that google-genai reads."""
    rows = [_setting_row(name, field) for name, field in Settings.model_fields.items()]
    google = [(f"`{name}`", GOOGLE_VARIABLES[name]) for name in GEMINI_NAMES]
    return _page(
        "Settings",
        "Given in the environment or in a file `.env` in the working directory. Precedence: flag, environment, `.env`, "
        "default. A name that begins with `MEDIASCRIBE_` and is none of these is an error that suggests the nearest one. "
        "`mediascribe config show` prints each value with its source, passwords and keys masked.",
        _table(("Name", "Default", "Unit", "May be", "Meaning"), rows),
        "## Gemini",
        "Read as google-genai reads them, from the same two places.",
        _table(("Name", "Meaning"), google),
    )


def failures_page() -> str:
    """Every failure code: its nature, what happened, what to do."""
    natures = [(f"`{nature}`", words) for nature, words in member_words(Nature).items()]
    codes = [(f"`{code}`", f"{NATURES[code]}", *FAILURES[code]) for code in FailureCode]
    return _page(
        "Failures",
        "A job that did not succeed carries one code in `error.code`. Codes are never renamed. The nature of a code says "
        "what mediascribe does about it by itself; a failure may carry another nature than its code usually has, and "
        "`error.retryable` is then the one to go by. It is true for every nature but `permanent`.",
        _table(("Nature", "What is done"), natures),
        "## Codes",
        _table(("Code", "Nature", "What happened", "What to do"), codes),
    )


def cli_page() -> str:
    """Every command with its arguments and options; the exit codes."""
    codes = [(f"{Exit[name]:d}", name.lower().replace("_", " "), words) for name, words in _member_docs(Exit).items()]
    return _page(
        "Command line",
        "Data goes to stdout, everything else to stderr. `--json` prints one document in the "
        "[shapes](states-and-shapes.md) that all interfaces share. Colour and progress bars appear on a terminal only; "
        "`NO_COLOR` is honoured.",
        _commands(),
        "## Exit codes",
        _table(("Code", "Name", "Meaning"), codes),
    )


def media_page() -> str:
    """What becomes of each kind of input, from the rows that the tests prove."""
    return _page(
        "Media",
        "What becomes of each kind of input. Each row is a test, which makes such a file and looks at what comes of it; where "
        "a code stands, a job fails with it and Gemini is not asked ([Failures](failures.md)). `run` and `submit` skip what is no "
        "media at all before there is a job. The bytes of a file decide what it is, never its name.",
        "## Pictures",
        _inputs(picture_inputs.INPUTS),
        "## Recordings",
        _inputs(sound_inputs.INPUTS),
    )


def http_api_page() -> str:
    """Every route with what it does, takes and answers; the codes of problems."""
    routes = [
        (f"`{method.upper()} {path}`", _route_words(operation), _parameters(operation), _answers(operation))
        for path, operations in routed_app().openapi()["paths"].items()
        for method, operation in operations.items()
    ]
    words = member_words(ProblemCode)
    codes = [
        (f"`{code}`", f"{STATUSES[code]:d}", "yes" if code in RETRYABLE else "no", words[code]) for code in ProblemCode
    ]
    return _page(
        "HTTP API",
        "All of it, with every shape, stands in the document at `/openapi.json`. [Use the HTTP API](../how-to/http-api.md) says how to "
        "begin.",
        "## Routes",
        _table(("Route", "What it does", "Parameters", "Answers"), routes),
        "## Problems",
        "`retryable` of a problem itself is the one to go by.",
        _table(("Code", "Status", "Retryable", "Meaning"), codes),
    )


def metrics_page() -> str:
    """Every metric: name, type, labels, meaning."""
    figures = [
        _metric_row(each.name, "counter" if each.is_counter else "gauge", each.labels, each.words) for each in FIGURES
    ]
    beside = [_metric_row(name, "gauge", (), words) for name, words in (UP, AGE)]
    return _page(
        "Metrics",
        "At `/metrics` of the API ([Monitor it](../how-to/monitoring.md) says how to begin), in the text form of Prometheus, or of "
        "OpenMetrics where `Accept` asks for it.",
        "## From the database",
        "Each API process tells the same of these, so sum over none of them: scrape one process, or take `max without (instance)`. They are counted "
        f"anew after {FRESH_SECONDS:g} seconds at the earliest, and later where counting takes long. Gauges of jobs and attempts fall when "
        "jobs are purged; counters do not.",
        _table(("Name", "Type", "Labels", "Meaning"), [*beside, *figures]),
        "## Of the API process",
        "Each process tells its own; they begin at zero when it starts. Where the system tells them, there are `process_…` metrics too.",
        _table(
            ("Name", "Type", "Labels", "Meaning"),
            [_metric_row(name, sort, labels, words) for name, sort, labels, words in OF_THE_PROCESS],
        ),
    )


def _metric_row(name: str, sort: str, labels: Iterable[str], words: str) -> Sequence[str]:
    ending = "_total" if sort == "counter" else ""
    return f"`{name}{ending}`", sort, ", ".join(f"`{label}`" for label in labels), words


def _route_words(operation: Mapping[str, Any]) -> str:
    return str(operation["description"]).partition("\n\n")[0].replace("\n", " ")


def _parameters(operation: Mapping[str, Any]) -> str:
    return ", ".join(f"`{each['name']}`" for each in operation.get("parameters", ()) if each["in"] != "path")


def _answers(operation: Mapping[str, Any]) -> str:
    return ", ".join(operation["responses"])


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:].removesuffix(".") + "."


def _inputs(inputs: Iterable[Input]) -> str:
    rows = [(row.name, _sentence(row.says), f"`{row.ends}`" if row.ends else "") for row in inputs]
    return _table(("Input", "What happens", "Code"), rows)


PAGES: Mapping[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "failures.md": failures_page,
    "cli.md": cli_page,
    "media.md": media_page,
    "http-api.md": http_api_page,
    "metrics.md": metrics_page,
}


def member_words(enum: type[Enum]) -> dict[str, str]:
    """Value of each member -> the docstring that stands below it."""
    return {str(enum[name].value): words for name, words in _member_docs(enum).items()}


def _member_docs(enum: type[Enum]) -> dict[str, str]:
    """Name of each member -> the string that stands below it in the source; empty where there is none."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(enum))).body[0]
    assert isinstance(tree, ast.ClassDef)
    words: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            words[node.targets[0].id] = ""
        elif words and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            words[list(words)[-1]] = str(node.value.value)
    return words


def _setting_row(name: str, field: FieldInfo) -> Sequence[str]:
    unit = next((words for ending, words in UNITS.items() if name.endswith(ending)), "")
    return f"`{PREFIX}{name.upper()}`", _default(name, field), unit, _bounds(field.metadata), field.description or ""


def _default(name: str, field: FieldInfo) -> str:
    if field.default_factory is not None:
        return COMPUTED_DEFAULTS[name]
    default = field.default
    value = default.get_secret_value() if isinstance(default, SecretStr) else str(default)
    return f"`{value}`" if value else "empty"


def _bounds(metadata: Iterable[object]) -> str:
    """What pydantic checks, in words."""
    words = []
    for rule in metadata:
        match rule:
            case Ge(ge=least):
                words.append(f"at least {least}")
            case Gt(gt=least):
                words.append(f"more than {least}")
            case Le(le=most):
                words.append(f"at most {most}")
            case Lt(lt=most):
                words.append(f"less than {most}")
            case MinLen(min_length=least):
                words.append(f"at least {least} characters")
            case MaxLen(max_length=most):
                words.append(f"at most {most} characters")
    return ", ".join(words)


def _commands() -> str:
    """Every command as Typer describes it, without its lists of commands, which repeat the headings cut short."""
    command = typer.main.get_command(app)
    context = typer.Context(command, info_name="mediascribe", **command.context_settings)
    text = get_docs_for_click(obj=command, ctx=context, name="mediascribe", title="Commands")
    below = re.sub(r"\*\*Commands\*\*:\n\n(?:\* .*\n)+\n", "", text)
    return below.replace("# Commands", "## `mediascribe`", 1).strip()


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _page(title: str, *parts: str) -> str:
    return "\n\n".join([_NOTE, f"# {title}", *(part for part in parts if part)]) + "\n"


def main() -> None:
    """Write every page."""
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page())


if __name__ == "__main__":
    main()
