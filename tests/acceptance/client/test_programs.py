"""The programs of the pages run as they stand there, against a real server."""

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from standardwebhooks import Webhook

from mediascribe_client import Mediascribe
from tests.acceptance.conftest import ROOT, Shell
from tests.acceptance.test_api import Serving
from tests.services.embedded import eventually
from tests.services.process import LOOPBACK, free_port

FENCE = re.compile(r"^```(python|sh)\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def programs(page: str, language: str = "python") -> list[str]:
    """What a page shows, in its order."""
    return [body for name, body in FENCE.findall((ROOT / page).read_text()) if name == language]


def variables(shell: Shell, api: Serving) -> dict[str, str]:
    """Those of a user's program, which needs neither this checkout nor a key for Gemini."""
    own = shell.variables({"MEDIASCRIBE_URL": api.url, "WEBHOOK_SECRETS": f"whsec_bmV3IG9uZQ== {SECRET}"})
    return {name: value for name, value in own.items() if name not in {"PYTHONPATH", "GEMINI_API_KEY"}}


def run(shell: Shell, api: Serving, program: str, *arguments: str, folder: Path | None = None) -> str:
    """What the program prints."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=folder or shell.folder, env=variables(shell, api),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


@contextmanager
def site(shell: Shell, api: Serving, program: str, *command: str) -> Iterator[tuple[str, Path]]:
    """A web app, served as its page says; its address, and the file with what it said."""
    (shell.folder / f"{command[0]}.py").write_text(program)
    port, said = free_port(), shell.folder / f"{command[0]}.log"
    line = [part.replace("PORT", str(port)) for part in command[1:]]
    with said.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, *line], cwd=shell.folder, env=variables(shell, api), stdout=log, stderr=subprocess.STDOUT
        )
    try:
        url = f"http://{LOOPBACK}:{port}"
        eventually(lambda: answers(url) or process.poll() is not None, "it answers")
        assert process.poll() is None, said.read_text()
        yield url, said
    finally:
        process.terminate()
        process.wait(30)


def answers(url: str) -> bool:
    try:
        ask(url)
    except HTTPError as error:
        error.close()
    except OSError:
        return False
    return True


def ask(url: str, data: bytes | None = None, **headers: str) -> bytes:
    request = Request(url, data, headers)  # noqa: S310 - an address of this test
    with urlopen(request, timeout=30) as answer:  # noqa: S310
        body: bytes = answer.read()
        return body


def test_the_program_of_the_readme_comes_to_a_caption_and_a_transcript(shell: Shell, api: Serving) -> None:
    program = next(each for each in programs("README.md") if "mediascribe_client" in each)
    assert program == programs("client/README.md")[0]
    assert len(program.splitlines()) <= 10
    caption, transcript = run(shell, api, program, folder=ROOT).splitlines()
    assert caption.startswith("Simulated caption")
    assert transcript.startswith("Simulated transcript")


def test_the_programs_about_the_client_run(shell: Shell, api: Serving) -> None:
    first, many, errors, asyncio = programs("docs/how-to/python-client.md")
    told = run(shell, api, first, "cat.jpg", "talk.wav")
    assert "Simulated: " in told
    assert "00:00:00,000 --> " in told
    lines = run(shell, api, many, "photos").splitlines()
    assert sum(line.split()[0] in {"0", "1", "2"} and "job_" in line for line in lines) == 3
    assert "3 of 3" in lines
    assert "Simulated caption" in lines[-1]
    assert run(shell, api, errors, "/nowhere.jpg") == "source_not_found give up\n"
    assert "source must be an absolute path" in run(shell, api, errors, "nowhere.jpg")
    assert run(shell, api, asyncio, str(shell.folder / "cat.jpg")).count("Simulated: ") == 1


def test_a_nightly_job_does_no_harm_when_it_runs_twice(shell: Shell, api: Serving) -> None:
    (nightly,) = programs("docs/how-to/from-cron.md")
    first, second = (run(shell, api, nightly, "photos") for _ in range(2))
    assert first == second
    assert "3 of 3 done" in first
    assert len((shell.folder / "captions.txt").read_text().splitlines()) == 3


@pytest.mark.long
def test_a_nightly_run_of_the_command_pays_once(shell: Shell) -> None:
    (script,) = programs("docs/how-to/from-cron.md", "sh")
    for paid in (3, 0):
        before = len(shell.gemini.ledger())
        runner = f'mediascribe() {{ "{sys.executable}" -m cli.main "$@"; }}\n{script}'
        done = subprocess.run(
            ["sh", "-c", runner], cwd=shell.folder, env=shell.variables({"MEDIASCRIBE_HOME": "nights"}),
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert len(shell.gemini.ledger()) - before == paid


def test_the_site_of_fastapi_describes_a_photo(shell: Shell, api: Serving) -> None:
    program, _ = programs("docs/how-to/from-django-or-fastapi.md")
    command = ("shop_fastapi", "-m", "uvicorn", "shop_fastapi:app", "--port", "PORT")
    with site(shell, api, program, *command) as (url, _):
        place = urlencode({"path": shell.folder / "cat.jpg"})
        _describes(url, f"{url}/photos/17/description?{place}", b"")


def test_the_site_of_django_describes_a_photo(shell: Shell, api: Serving) -> None:
    _, program = programs("docs/how-to/from-django-or-fastapi.md")
    with site(shell, api, program, "shop_django", "shop_django.py", "runserver", "--noreload", "PORT") as (url, _):
        place = urlencode({"path": shell.folder / "cat.jpg"}).encode()
        _describes(url, f"{url}/photos/18/description", place)


def _describes(url: str, submit: str, form: bytes) -> None:
    """A double click is one job, and what it comes to is found; a job that nobody knows is refused."""
    first, again = (json.loads(ask(submit, form))["job"] for _ in range(2))
    assert first == again
    eventually(lambda: json.loads(ask(f"{url}/descriptions/{first}"))["state"] == "succeeded", "it is done")
    assert json.loads(ask(f"{url}/descriptions/{first}"))["alt_text"].startswith("Simulated: ")
    with pytest.raises(HTTPError) as found:
        ask(f"{url}/descriptions/job_nothing")
    with found.value as error:
        assert (error.code, json.load(error)) == (422, {"code": "not_found"})


def test_the_receiver_acts_once_and_on_nothing_that_was_not_signed(shell: Shell, api: Serving) -> None:
    with Mediascribe(api.url) as client:
        batch = client.batches.submit(
            [{"kind": "caption", "source": str(shell.folder / "cat.jpg"), "client_ref": "mine"}]
        )
        client.batches.wait(batch.batch.id, timeout_seconds=60)
    body = json.dumps({"type": "batch.finished", "timestamp": "2026-11-26T10:00:00Z", "data": {"id": batch.batch.id}})
    moment = datetime.now(UTC)
    headers = {
        "Webhook-Id": "msg_1", "Webhook-Timestamp": str(int(moment.timestamp())),
        "Webhook-Signature": Webhook(SECRET).sign("msg_1", moment, body),
    }  # fmt: skip
    (program,) = programs("docs/how-to/receive-webhooks.md")
    with site(shell, api, program, "receiver", "-m", "uvicorn", "receiver:app", "--port", "PORT") as (url, said):
        for _ in range(2):
            assert ask(f"{url}/webhooks/mediascribe", body.encode(), **headers) == b""
        with pytest.raises(HTTPError, match="400") as found:
            ask(f"{url}/webhooks/mediascribe", body.replace("bat_", "bat_0").encode(), **headers)
        found.value.close()
        eventually(lambda: "mine succeeded" in said.read_text(), "it fetched the results")
    assert said.read_text().count("mine succeeded") == 1
