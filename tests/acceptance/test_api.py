"""The API as a process of its own: the curl lines of the how-to page, keys, and leaving in good order."""

import json
import re
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.acceptance.conftest import ROOT, Shell
from tests.services.embedded import eventually

PAGE = ROOT / "docs" / "how-to" / "http-api.md"
LINES = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
EVERYWHERE = "0.0.0.0"  # noqa: S104 - that is the point
LISTENING = re.compile(r"listening on (http://\S+);")


@dataclass(frozen=True, kw_only=True)
class Serving:
    """A process that serves."""

    url: str
    process: "subprocess.Popen[str]"

    def ask(self, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and document."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - an address of this test
            self.url + path, data, {"Content-Type": "application/json", **headers}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def leaves(self) -> tuple[int, str]:
        """The exit code after SIGTERM, and what the process said."""
        self.process.send_signal(signal.SIGTERM)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said


@contextmanager
def serving(shell: Shell, *arguments: str) -> Iterator[Serving]:
    """The command, until the block ends."""
    process = shell.start(*arguments, "--port", "0")
    try:
        assert process.stderr is not None
        said = ""
        while (found := LISTENING.search(said)) is None:
            line = process.stderr.readline()
            assert line, said
            said += line
        yield Serving(url=found[1], process=process)
    finally:
        process.kill()
        process.communicate()


def test_a_new_user_follows_the_page_from_a_photo_to_captions(shell: Shell) -> None:
    """Its curl lines run as they stand; then the server is told to leave, and does so in good order."""
    photos = shell.pictures(3)
    shutil.copy(photos / "000.jpg", shell.folder / "cat.jpg")
    told = ""
    with serving(shell, "up") as api:
        for lines in LINES:
            script = "set -e\n" + lines.replace("http://127.0.0.1:8000", api.url).replace("curl -s", "curl -sSf")
            done = subprocess.run(
                ["bash", "-c", script], cwd=shell.folder, capture_output=True, text=True, timeout=90, check=False
            )
            assert done.returncode == 0, done.stderr
            told += done.stdout
        code, said = api.leaves()
    assert (code, "left in good order" in said) == (0, True), said
    assert (shell.folder / "cat.txt").read_text().startswith("Simulated caption")
    results = [json.loads(line) for line in (shell.folder / "results.jsonl").read_text().splitlines()]
    assert [result["state"] for result in results] == ["succeeded"] * 3
    assert "event: done" in told


def test_the_api_lets_other_machines_in_only_with_a_key(shell: Shell) -> None:
    refused = shell("api", "--host", EVERYWHERE, "--port", "0")
    assert refused.code == 4
    assert "keys create" in refused.err
    key = shell("keys", "create", "--owner", "shop").out.strip()
    with serving(shell, "api", "--host", EVERYWHERE) as api:
        assert api.ask("/v1/stats")[0] == 401
        assert api.ask("/v1/stats", Authorization=f"Bearer {key}")[0] == 200
        (shown,) = json.loads(shell("keys", "list", "--json").out)["keys"]
        assert shown["used_at"] is not None
        assert key not in json.dumps(shown)
        assert shell("keys", "revoke", shown["id"]).code == 0
        code, said = api.leaves()
    assert code == 0
    assert key.rpartition("_")[2] not in said


def test_a_stream_that_breaks_off_is_cancelled_unless_it_can_be_sent_again(shell: Shell) -> None:
    """Two groups are stored when the client goes away."""
    with serving(shell, "api") as api:
        break_off(api, "Idempotency-Key: k\r\n", until=4_000)
        break_off(api, "", until=8_000)
        eventually(lambda: states(api)["cancelled"] == 4_000, "the second is cancelled")
        assert states(api)["queued"] == 4_000


def break_off(api: Serving, header: str, *, until: int) -> None:
    """Begin a long stream, and go away when so many jobs are stored in all."""
    line = b'{"kind": "caption", "source": "/media/a.jpg"}\n'
    head = f"POST /v1/batches HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n{header}"
    place = urlsplit(api.url)
    with socket.create_connection((str(place.hostname), place.port)) as client:
        client.sendall(f"{head}Content-Length: 1000000000\r\n\r\n".encode() + line * 4_100)
        eventually(lambda: sum(states(api).values()) == until, f"{until} jobs stored")


def states(api: Serving) -> dict[str, int]:
    """Jobs by state."""
    counts: dict[str, int] = api.ask("/v1/stats")[1]["states"]
    return counts


def test_what_was_accepted_is_done_after_the_server_was_told_to_leave(shell: Shell) -> None:
    """A wait under way ends with the server; the jobs go on when it is back."""
    place = shell.pictures(1) / "000.jpg"
    with serving(shell, "api") as api:
        status, job = api.ask("/v1/jobs", {"kind": "caption", "source": str(place)})
        assert status == 202
        waiting = subprocess.Popen(["curl", "-s", f"{api.url}/v1/jobs/{job['id']}?wait=60"], stdout=subprocess.PIPE)
        code, _ = api.leaves()
        out, _ = waiting.communicate(timeout=30)
        assert code == 0
        assert not out or json.loads(out)["state"] == "queued"
    with serving(shell, "up") as api:
        assert api.ask(f"/v1/jobs/{job['id']}?wait=30")[1]["state"] == "succeeded"
        assert api.leaves()[0] == 0
