"""Processes in which decoding can crash, hang or eat memory without harm to anything but the item in hand.

Each process has a cap on address space, CPU seconds for each item, and no core dumps; a time limit for each item is
kept from outside. What goes wrong comes back as a FailureError in the item's future: nothing that a decoder does
raises anything else, and nothing ends the pool.

Two facts about pebble shape this module. Its processes are children of the thread that starts the pool, and Linux
sends the parent-death signal when that thread ends, so a thread of our own keeps the pool. And a process that dies
while it has no item in hand (the out-of-memory killer, an operator) breaks the whole pool, so a broken pool is
replaced and its items are given to the next one, once.
"""

import contextlib
import ctypes
import errno
import math
import multiprocessing
import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

from pebble import ProcessExpired, ProcessPool

from models.failures import Failure, FailureCode, FailureError, Nature, failure

_PR_SET_PDEATHSIG = 1
_CPU_MARGIN_SECONDS = 5
_KEEPER_PERIOD_SECONDS = 0.2
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What the system says where temporary files have no room: the item is not to blame, and waits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxLimits:
    """What one decoding process may use."""

    max_memory_bytes: int = 2 * 1024**3
    """Address space, which counts what libraries map: 0.25 GB before an item, 0.8 GB with a picture of 98 megapixels."""
    max_tasks: int = 5_000
    """Items after which a process is replaced, against leaks in decoders."""
    idle_seconds: float = 120.0
    """After so long without an item the processes end, 100 MB each; to start them again makes the next item 0.15 s later."""


class Sandbox:
    """A pool of decoding processes, started at the first item where not before, and at the first one after a long rest."""

    def __init__(self, max_workers: int, limits: SandboxLimits | None = None) -> None:
        self._max_workers = max_workers
        self._limits = limits or SandboxLimits()
        self._lock = threading.Lock()
        self._pool: ProcessPool | None = None
        self._in_hand = 0
        """Items that a pool has and that have not come back."""
        self._rests_since = 0.0
        self._closing = threading.Event()

    @property
    def is_running(self) -> bool:
        """Are the processes there, so that submitting starts none? Never waits, not even while they start."""
        pool = self._pool
        return pool is not None and pool.active

    def start(self) -> None:
        """Start the processes where they do not run, and return when they do. Raises RuntimeError after `close`."""
        with self._lock:
            self._running_pool()

    def submit(self, function: Callable[..., Any], *args: object, timeout_seconds: float) -> Future[Any]:
        """Run `function(*args)` in a decoding process; function, arguments and result must pickle.

        The future yields the result or raises FailureError: decoder_crashed, decoder_timeout (counted from the
        moment a process takes the item), media_too_large (out of memory), internal (a bug), or whatever failure
        the function raised. Cancelling the future stops the process that works on it.
        Raises RuntimeError after `close`.
        """
        task = _Task(function=function, args=args, timeout_seconds=timeout_seconds, outcome=Future())
        self._schedule(task, is_last_try=False)
        return task.outcome

    def close(self, *, kill: bool = False) -> None:
        """Finish the items at hand (or drop them, where `kill` is set), then end the processes."""
        with self._lock:
            pool, self._pool = self._pool, None
            self._closing.set()
        if pool is not None:
            _end(pool, kill=kill)

    def _schedule(self, task: "_Task", *, is_last_try: bool) -> None:
        arguments = (task.function, task.args, task.timeout_seconds)
        with self._lock:  # or the pool might end in between
            inner = self._running_pool().schedule(_shielded, args=arguments, timeout=task.timeout_seconds)
            self._in_hand += 1
        task.outcome.add_done_callback(lambda outcome: _cancel_with(outcome, inner))
        inner.add_done_callback(lambda done: self._settle(task, done, is_last_try=is_last_try))

    def _settle(self, task: "_Task", inner: Future[Any], *, is_last_try: bool) -> None:
        with self._lock:
            self._in_hand -= 1
            self._rests_since = time.monotonic()
        try:
            result = inner.result()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it becomes the outcome of this one item
            if isinstance(error, BrokenProcessPool) and not is_last_try:
                with contextlib.suppress(RuntimeError):  # closed in the meantime
                    self._schedule(task, is_last_try=True)
                    return
            result = _failure_of(error, task)
        with contextlib.suppress(Exception):  # cancelled in the meantime: nobody waits for it
            if isinstance(result, Failure):
                task.outcome.set_exception(FailureError(result))
            else:
                task.outcome.set_result(result)

    def _running_pool(self) -> ProcessPool:
        if self._closing.is_set():
            raise RuntimeError("the sandbox is closed; make a new one")
        if self._pool is None or not self._pool.active:
            self._pool = self._started_pool()
        return self._pool

    def _started_pool(self) -> ProcessPool:
        self._rests_since = time.monotonic()
        pool = ProcessPool(
            max_workers=self._max_workers,
            max_tasks=self._limits.max_tasks,
            initializer=_enter,
            initargs=(self._limits.max_memory_bytes,),
            context=multiprocessing.get_context("spawn"),
        )
        started = threading.Event()
        threading.Thread(target=self._keep, args=(pool, started), name="sandbox-keeper", daemon=True).start()
        started.wait()
        return pool

    def _keep(self, pool: ProcessPool, started: threading.Event) -> None:
        """Be the thread that starts the pool, outlive it, and clear away what is left of one that broke or rested for long."""
        try:
            _ = pool.active  # asking starts it
        finally:
            started.set()
        while pool.active:
            time.sleep(_KEEPER_PERIOD_SECONDS)
            if self._gives_up(pool):
                _end(pool, kill=False)
                return
        if not self._closing.is_set():
            pool.join()

    def _gives_up(self, pool: ProcessPool) -> bool:
        """Has the pool had nothing to do for long? Then the next item will start another."""
        with self._lock:
            has_rested = time.monotonic() - self._rests_since >= self._limits.idle_seconds
            if self._pool is not pool or self._in_hand or not has_rested:
                return False
            self._pool = None
            return True


@dataclass(frozen=True, kw_only=True, slots=True)
class _Task:
    function: Callable[..., Any]
    args: tuple[object, ...]
    timeout_seconds: float
    outcome: Future[Any]


def _cancel_with(outcome: Future[Any], inner: Future[Any]) -> None:
    if outcome.cancelled():
        inner.cancel()


def _end(pool: ProcessPool, *, kill: bool) -> None:
    if kill:
        pool.stop()  # type: ignore[no-untyped-call]
    else:
        pool.close()  # type: ignore[no-untyped-call]
    pool.join()


def _failure_of(error: BaseException, task: _Task) -> Failure:
    """What the pool says about an item that yielded neither result nor failure."""
    item = f"Decoding {task.args[0]}" if task.args else "Decoding"
    if isinstance(error, TimeoutError):
        words = f"{item} took longer than {task.timeout_seconds:g} s; raise the limit if the file is a good one."
        return failure(FailureCode.DECODER_TIMEOUT, words, timeout_seconds=task.timeout_seconds)
    if isinstance(error, ProcessExpired):
        words = f"{item} ended the decoder (exit code {error.exitcode}); the file is probably damaged."
        return failure(FailureCode.DECODER_CRASHED, words, exit_code=error.exitcode)
    if isinstance(error, BrokenProcessPool | CancelledError):
        return failure(FailureCode.DECODER_CRASHED, f"{item} was stopped with its decoder; it can be tried again.")
    return failure(FailureCode.INTERNAL, f"{item} failed inside ({type(error).__name__}: {error}); report it.")


# What follows runs in the decoding process.


def _enter(max_memory_bytes: int) -> None:
    """Give up what a decoder does not need, and make sure not to outlive the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then tells us
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # at once, even from the middle of a decoder's loop
    resource.setrlimit(resource.RLIMIT_AS, (max_memory_bytes, max_memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    threading.Thread(target=_die_with_parent, name="parent-watch", daemon=True).start()


def _die_with_parent() -> None:
    """Where the signal is not to be had, or came too late: the pipe to the parent ends when the parent does."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _shielded(function: Callable[..., Any], args: tuple[object, ...], cpu_seconds: float) -> object:
    """The result or a Failure: exceptions of foreign libraries do not travel, for many cannot be pickled."""
    _allow_cpu(cpu_seconds)
    try:
        return function(*args)
    except FailureError as error:
        return error.failure
    except MemoryError:
        words = f"Decoding {args[0] if args else ''} needs more memory than a decoder may use; make the file smaller."
        return failure(FailureCode.MEDIA_TOO_LARGE, words)
    except OSError as error:
        if error.errno not in _DISK_FULL:
            return _unforeseen(error, args)
        words = f"Decoding {args[0] if args else ''} found no room for temporary files; make room in the folder TMPDIR names."
        return failure(FailureCode.INTERNAL, words, nature=Nature.THROTTLED, errno=error.errno)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the last net under bugs
        return _unforeseen(error, args)


def _unforeseen(error: BaseException, args: tuple[object, ...]) -> Failure:
    item = f"Decoding {args[0]}" if args else "Decoding"
    words = f"{item} failed inside ({type(error).__name__}: {error}); report it with the file."
    return failure(FailureCode.INTERNAL, words, traceback=traceback.format_exc(limit=-10))


def _allow_cpu(seconds: float) -> None:
    """The limit is on the life of the process, so each item moves it. Catches spinning threads and orphans."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = math.ceil(time.process_time() + seconds) + _CPU_MARGIN_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
