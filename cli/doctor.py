"""`mediascribe doctor`: looks at everything that the work needs, and says of each that it is well or what to do."""

from typing import TYPE_CHECKING

import typer

from cli.exits import Exit
from cli.filters import Json

if TYPE_CHECKING:
    from worker.doctor import Finding


def doctor(*, as_json: Json = False) -> None:
    """Check database, broker, Gemini key, prices, codecs, disk and clock."""
    from cli.console import emit, emit_json, one_line
    from worker.doctor import examine
    from worker.environment import load_settings

    findings: list[Finding] = []
    for finding in examine(load_settings()):
        findings.append(finding)
        if not as_json:
            mark = "ok" if finding.trouble is None else "!!"
            emit(f"{mark}  {finding.name:<8}  {one_line(finding.words, width=500)}")
    if as_json:
        emit_json({"checks": [{"name": f.name, "ok": f.trouble is None, "words": f.words} for f in findings]})
    raise typer.Exit(exit_of(findings))


def exit_of(findings: "list[Finding]") -> Exit:
    """The exit code of the first trouble."""
    from worker.doctor import Trouble

    codes = {
        Trouble.SETTING: Exit.USAGE,
        Trouble.AWAY: Exit.TRY_AGAIN,
        Trouble.NOT_ALLOWED: Exit.NOT_ALLOWED,
        Trouble.MACHINE: Exit.UNEXPECTED,
    }
    return next((codes[finding.trouble] for finding in findings if finding.trouble is not None), Exit.OK)
