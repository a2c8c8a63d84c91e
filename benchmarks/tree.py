"""CPU time and memory of a process and all that it started.

Reads what the system accounts anyway, so that measuring costs the measured process nothing.
"""

import resource
from collections.abc import Iterable
from pathlib import Path

import psutil


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time of these processes and of their descendants, dead and reaped ones included."""
    return sum(_cpu_seconds(process) for process in _trees(pids))


def resident_bytes(pids: Iterable[int]) -> int:
    """Resident memory of these processes and of their descendants; pages that several share count for each."""
    return sum(_resident_bytes(process) for process in _trees(pids))


def used_bytes(pids: Iterable[int]) -> int:
    """Memory that these processes and their descendants take together: pages that several share count once."""
    return sum(_proportional_bytes(process) for process in _trees(pids))


def own_peak_bytes() -> int:
    """The most that this process ever had resident. On Linux getrusage begins with what its parent had when it started it."""
    status = Path("/proc/self/status")
    if status.exists():
        (peak,) = (line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(peak) * 1_024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _trees(pids: Iterable[int]) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for pid in pids:
        process = psutil.Process(pid)
        found += [process, *process.children(recursive=True)]
    return found


def _cpu_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:  # its parent has just reaped it and answers for it
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def _resident_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _proportional_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.NoSuchProcess:
        return 0
