"""A kind of work whose code misbehaves on demand.

In the decoding process it does as the file's name says, in the worker's own process as the options say. `good-1.jpg` is a
picture like any other; `segfault-1.jpg` takes its decoder down; `three_clips-1.jpg` is asked about in three calls.
"""

import ctypes
import os
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gemini.question import Call, Question
from models.failures import Failure
from tasks.base import Answer, Clip, Kind, Preparation, Prepared, Verdict
from tasks.caption import CAPTION, CaptionOptions

NAME = "hostile"


class HostileOptions(CaptionOptions):
    """What goes wrong in the worker's process."""

    ask: str = ""
    """What making the question raises."""
    check: str = ""
    """What the look at the answer raises."""
    assemble: str = ""
    """What putting the answers together raises."""


def raise_it(name: str) -> None:
    """Raise the exception of that name; nothing for an empty one."""
    if name == "RecursionError":
        raise_it(name)
    elif name:
        raise {"MemoryError": MemoryError, "SystemExit": SystemExit, "KeyboardInterrupt": KeyboardInterrupt}[name]


def segfault() -> None:
    """Read where nothing is."""
    ctypes.string_at(0)


def use_memory() -> None:
    """A terabyte."""
    bytearray(1 << 40)


def use_time() -> None:
    """Spin until the system's limit on processor time ends the process."""
    soon = int(time.process_time()) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soon, soon))
    while True:
        pass


def leave() -> None:
    """End the process behind everybody's back."""
    os._exit(3)


DEEDS: Mapping[str, Callable[[], None]] = {
    "segfault": segfault,
    "memory_limit": use_memory,
    "cpu_limit": use_time,
    "leave": leave,
}
RAISED = ("MemoryError", "SystemExit", "KeyboardInterrupt", "RecursionError")


def prepare(path: str, folder: str, how: Preparation) -> Prepared:
    """The picture, unless its name says otherwise."""
    deed = Path(path).name.partition("-")[0]
    if deed in RAISED:
        raise_it(deed)
    if deed in DEEDS:
        DEEDS[deed]()
    prepared = CAPTION.prepare(path, folder, how)
    (clip,) = prepared.clips
    count = 3 if deed == "three_clips" else 1
    return Prepared(clips=tuple(replace(clip, index=index) for index in range(count)), facts=prepared.facts)


def ask(clip: Clip, options: HostileOptions, model: str) -> Question:
    """The question, unless the options say otherwise."""
    raise_it(options.ask)
    return CAPTION.ask(clip, options, model)


def check(clip: Clip, call: Call, options: HostileOptions) -> Verdict:
    """The caption, unless the options say otherwise."""
    raise_it(options.check)
    return CAPTION.check(clip, call, options)


def assemble(
    prepared: Prepared, answers: Mapping[str, Answer], failures: Mapping[str, Failure], options: HostileOptions
) -> Mapping[str, Any]:
    """The output, unless the options say otherwise."""
    raise_it(options.assemble)
    return CAPTION.assemble(prepared, answers, failures, options)


HOSTILE: Kind[HostileOptions] = Kind(
    name=NAME, version=1, family=CAPTION.family, options=HostileOptions, prepare=prepare, ask=ask, check=check,
    assemble=assemble,
)  # fmt: skip
