"""Webhooks from outside: an endpoint made on the command line, work done by `up`, a receiver that verifies what comes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Shell
from tests.acceptance.test_api import serving
from tests.services.embedded import eventually
from tests.services.receiver import Receiver, receiver


@pytest.fixture
def hook(tmp_path: Path) -> Iterator[Receiver]:
    """A receiver that has got nothing yet."""
    with receiver(tmp_path) as running:
        yield running


def allowed(shell: Shell, hook: Receiver, **more: str) -> Shell:
    """The same shell, whose operator vouches for the receiver's address."""
    place = hook.url.removeprefix("http://").removesuffix("/hook")
    shell.environment.update({"MEDIASCRIBE_ALLOWED_HOSTS": place, **more})
    return shell


def deliveries(shell: Shell) -> list[dict[str, Any]]:
    """Newest first."""
    found: list[dict[str, Any]] = shell("webhooks", "deliveries", "--json").json["webhook_deliveries"]
    return found


def test_a_batch_s_end_is_told_to_an_endpoint_and_told_again_when_asked(shell: Shell, hook: Receiver) -> None:
    made = allowed(shell, hook)("webhooks", "create", hook.url, "--json").json
    hook.knows(made["secret"])
    place = shell.pictures(1) / "000.jpg"
    with serving(shell, "up") as api:
        _, job = api.ask("/v1/jobs", {"kind": "caption", "source": str(place)})
        eventually(hook.got, "the batch's end is told")
        (sent,) = api.ask("/v1/webhook-deliveries")[1]["webhook_deliveries"]
        assert (sent["event"]["data"]["id"], sent["event"]["data"]["states"]["succeeded"]) == (job["batch_id"], 1)
        assert shell("webhooks", "redeliver", sent["id"]).code == 0
        eventually(lambda: len(hook.got()) == 2, "it is told again")
        code, said = api.leaves()
    assert (code, made["secret"] in said) == (0, False)
    assert [each["event"] for each in hook.got()] == [sent["event"]] * 2


@pytest.mark.long
def test_the_command_line_shows_tests_and_refuses(shell: Shell, hook: Receiver) -> None:
    assert shell("webhooks", "create", hook.url).code == 2
    made = allowed(shell, hook)("webhooks", "create", hook.url, "--json").json
    (shown,) = shell("webhooks", "list", "--json").json["webhook_endpoints"]
    assert shown == {name: value for name, value in made.items() if name != "secret"}
    (sent,) = shell("webhooks", "test", made["id"], "--json").json["webhook_deliveries"]
    assert [sent] == deliveries(shell)
    assert sent["id"] in shell("webhooks", "deliveries", "--endpoint", made["id"], "--state", "pending").out
    assert made["secret"] not in shell("webhooks", "list").out
    for wrong in (("redeliver", "whd_none"), ("test", "whe_none"), ("deliveries", "--endpoint", "whe_none")):
        assert shell("webhooks", *wrong).code == 5


@pytest.mark.long
def test_what_a_killed_process_was_sending_is_sent_by_another(shell: Shell, hook: Receiver) -> None:
    """The first is killed while it waits for the answer; the second waits for the end of its lease."""
    allowed(shell, hook, MEDIASCRIBE_WEBHOOK_TIMEOUT_SECONDS="5")
    hook.knows(shell("webhooks", "create", hook.url, "--json").json["secret"])
    hook.answers({"status": 200, "seconds": 4.0})
    assert shell("submit", shell.pictures(1)).code == 0
    with serving(shell, "up") as api:
        eventually(hook.got, "the first sends it")
        api.process.kill()
    with serving(shell, "up"):
        eventually(lambda: len(hook.got()) == 2, "the second sends it", seconds=60.0)
        eventually(lambda: deliveries(shell)[0]["state"] == "delivered", "it has arrived")
    assert len({each["headers"]["webhook-id"] for each in hook.got()}) == 1
