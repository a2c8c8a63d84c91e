"""Whatever a decoder does, it harms the item in hand alone."""

import ctypes
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from pathlib import Path

import pytest

from media.image import PictureLimits, prepare_picture
from media.sandbox import Sandbox, SandboxLimits
from models.failures import FailureCode, FailureError, Nature, failure
from tests.unit.media.samples import EXAMPLES

PATIENCE_SECONDS = 30


def echo(item: str) -> str:
    return item


def process_id(_item: str) -> int:
    return os.getpid()


def nap(item: str, seconds: float) -> str:
    time.sleep(seconds)
    return item


def leave(_item: str) -> None:
    os._exit(3)


def segfault(_item: str) -> None:
    ctypes.string_at(0)


def devour(_item: str) -> int:
    return len(bytearray(64 * 1024**3))


def stumble(_item: str) -> None:
    raise ZeroDivisionError("a bug")


def quit_politely(_item: str) -> None:
    sys.exit(1)


def refuse(item: str) -> None:
    raise FailureError(failure(FailureCode.MEDIA_EMPTY, f"{item} is empty.", size_bytes=0))


def spin(_item: str) -> None:
    while True:
        pass


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    box = Sandbox(2)
    yield box
    box.close(kill=True)


def failed(future: Future[object]) -> FailureCode:
    with pytest.raises(FailureError) as raised:
        future.result(PATIENCE_SECONDS)
    assert "a.jpg" in raised.value.failure.message
    return raised.value.failure.code


@pytest.mark.parametrize(
    ("function", "code"),
    [
        (leave, FailureCode.DECODER_CRASHED),
        (segfault, FailureCode.DECODER_CRASHED),
        (devour, FailureCode.MEDIA_TOO_LARGE),
        (stumble, FailureCode.INTERNAL),
        (quit_politely, FailureCode.INTERNAL),
        (refuse, FailureCode.MEDIA_EMPTY),
        (spin, FailureCode.DECODER_TIMEOUT),
    ],
)
def test_each_end_has_its_code_and_neighbours_are_unharmed(
    sandbox: Sandbox, function: object, code: FailureCode
) -> None:
    before = [sandbox.submit(nap, f"{n}", 0.2, timeout_seconds=PATIENCE_SECONDS) for n in range(3)]
    bad = sandbox.submit(function, "a.jpg", timeout_seconds=1)  # type: ignore[arg-type]
    after = [sandbox.submit(echo, f"{n}", timeout_seconds=PATIENCE_SECONDS) for n in range(20)]
    assert failed(bad) == code
    assert [future.result(PATIENCE_SECONDS) for future in before] == [f"{n}" for n in range(3)]
    assert [future.result(PATIENCE_SECONDS) for future in after] == [f"{n}" for n in range(20)]


def limits_inside(_item: str) -> tuple[tuple[int, int], tuple[int, int]]:
    return resource.getrlimit(resource.RLIMIT_CPU), resource.getrlimit(resource.RLIMIT_CORE)


def test_each_item_has_its_cpu_limit_and_no_core_dumps(sandbox: Sandbox) -> None:
    (cpu, _), core = sandbox.submit(limits_inside, "a.jpg", timeout_seconds=20).result(PATIENCE_SECONDS)
    assert 20 < cpu < 40
    assert core == (0, 0)


def test_failures_keep_their_detail(sandbox: Sandbox) -> None:
    with pytest.raises(FailureError) as raised:
        sandbox.submit(refuse, "a.jpg", timeout_seconds=PATIENCE_SECONDS).result(PATIENCE_SECONDS)
    assert raised.value.failure.nature == Nature.PERMANENT
    assert raised.value.failure.detail == {"size_bytes": 0}


def test_pictures_are_prepared_inside(sandbox: Sandbox) -> None:
    path = str(EXAMPLES / "house.jpg")
    inside = sandbox.submit(prepare_picture, path, PictureLimits(), timeout_seconds=PATIENCE_SECONDS)
    assert inside.result(PATIENCE_SECONDS) == prepare_picture(path, PictureLimits())


def test_idle_process_that_is_killed_is_replaced(sandbox: Sandbox) -> None:
    victim = sandbox.submit(process_id, "a.jpg", timeout_seconds=PATIENCE_SECONDS).result(PATIENCE_SECONDS)
    os.kill(victim, signal.SIGKILL)
    futures = [sandbox.submit(echo, f"{n}", timeout_seconds=PATIENCE_SECONDS) for n in range(20)]
    assert [future.result(PATIENCE_SECONDS) for future in futures] == [f"{n}" for n in range(20)]


def test_cancelled_item_frees_its_process() -> None:
    sandbox = Sandbox(1)
    stuck = sandbox.submit(spin, "a.jpg", timeout_seconds=PATIENCE_SECONDS)
    following = sandbox.submit(echo, "b.jpg", timeout_seconds=PATIENCE_SECONDS)
    assert stuck.cancel()
    assert following.result(PATIENCE_SECONDS / 2) == "b.jpg"
    with pytest.raises(CancelledError):
        stuck.result()
    sandbox.close()


def test_processes_are_replaced_after_their_share_of_items() -> None:
    sandbox = Sandbox(1, SandboxLimits(max_tasks=2))
    futures = [sandbox.submit(process_id, f"{n}", timeout_seconds=PATIENCE_SECONDS) for n in range(6)]
    assert len({future.result(PATIENCE_SECONDS) for future in futures}) == 3
    sandbox.close()


def test_processes_outlive_the_thread_that_submitted_first(sandbox: Sandbox) -> None:
    futures: list[Future[object]] = []
    thread = threading.Thread(
        target=lambda: futures.append(sandbox.submit(nap, "a.jpg", 0.5, timeout_seconds=PATIENCE_SECONDS))
    )
    thread.start()
    thread.join()
    assert futures[0].result(PATIENCE_SECONDS) == "a.jpg"


def test_nothing_starts_before_the_first_item_and_nothing_stays_after_closing() -> None:
    before = set(multiprocessing.active_children())
    sandbox = Sandbox(2)
    assert set(multiprocessing.active_children()) == before
    pending = [sandbox.submit(nap, f"{n}", 0.1, timeout_seconds=PATIENCE_SECONDS) for n in range(4)]
    sandbox.close()
    assert [future.result(0) for future in pending] == ["0", "1", "2", "3"]
    assert set(multiprocessing.active_children()) == before
    with pytest.raises(RuntimeError, match="closed"):
        sandbox.submit(echo, "a.jpg", timeout_seconds=1)


def test_processes_end_after_a_long_rest_and_come_back_with_the_next_item() -> None:
    before = set(multiprocessing.active_children())
    sandbox = Sandbox(1, SandboxLimits(idle_seconds=0.3))
    first = sandbox.submit(process_id, "a.jpg", timeout_seconds=PATIENCE_SECONDS).result(PATIENCE_SECONDS)
    assert sandbox.submit(nap, "b.jpg", 0.8, timeout_seconds=PATIENCE_SECONDS).result(PATIENCE_SECONDS) == "b.jpg"
    deadline = time.monotonic() + PATIENCE_SECONDS
    while is_running(first):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert sandbox.submit(process_id, "c.jpg", timeout_seconds=PATIENCE_SECONDS).result(PATIENCE_SECONDS) != first
    sandbox.close()
    assert set(multiprocessing.active_children()) == before


@pytest.mark.long
def test_no_item_is_lost_to_processes_that_are_about_to_end() -> None:
    """Items come just when the pool has rested long enough, again and again."""
    sandbox = Sandbox(1, SandboxLimits(idle_seconds=0.0))
    for number in range(8):
        time.sleep(0.19 + 0.005 * number)  # about the period at which it is looked at
        assert (
            sandbox.submit(echo, f"{number}", timeout_seconds=PATIENCE_SECONDS).result(PATIENCE_SECONDS) == f"{number}"
        )
    sandbox.close()


PARENT = """
from media.sandbox import Sandbox
from tests.unit.media.test_sandbox import process_id, spin
if __name__ == "__main__":
    box = Sandbox(1)
    child = box.submit(process_id, "a", timeout_seconds=30).result()
    box.submit(spin, "a", timeout_seconds=60)
    print(child, flush=True)
    input()
"""


def test_processes_die_with_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", str(script)],
        env=os.environ | {"PYTHONPATH": str(root)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 10
    while is_running(child):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_running(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
