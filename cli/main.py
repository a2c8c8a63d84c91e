"""The entry of the command line: knows the commands, and turns every end into an exit code and one clear sentence.

`--help` has to answer at once, so nothing heavy is imported here or at the top of a command's module.
"""

import sys
from typing import Annotated

import typer

from cli import budgets, config, db, jobs, keys, lanes, webhooks
from cli.doctor import doctor
from cli.errors import errors
from cli.exits import report
from cli.purge import purge
from cli.results import results
from cli.run import run
from cli.serve import api, up
from cli.simulate import simulate
from cli.status import status
from cli.submit import submit
from cli.usage import usage
from cli.workers import worker, workers

app = typer.Typer(
    name="mediascribe",
    help="Turns pictures and sound into text, in bulk: captions and transcripts by Gemini, nothing lost on the way.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command()(run)
app.command()(submit)
app.command()(status)
app.add_typer(jobs.app, name="jobs")
app.command()(results)
app.command()(errors)
app.command()(usage)
app.add_typer(budgets.app, name="budgets")
app.add_typer(lanes.app, name="lanes")
app.command()(up)
app.command()(api)
app.add_typer(keys.app, name="keys")
app.add_typer(webhooks.app, name="webhooks")
app.command()(worker)
app.command()(workers)
app.add_typer(db.app, name="db")
app.add_typer(config.app, name="config")
app.command()(purge)
app.command()(doctor)
app.command()(simulate)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - Typer's signature
    if wanted:
        from importlib.metadata import version

        typer.echo(f"mediascribe {version('mediascribe')}")
        raise typer.Exit


@app.callback()
def mediascribe(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """What comes before every command."""


def main() -> None:
    """Run the command that the arguments name, and exit."""
    try:
        app()
    except Exception as error:  # noqa: BLE001 - whatever it is, the user gets a sentence and a code
        sys.exit(report(error))


if __name__ == "__main__":
    main()
