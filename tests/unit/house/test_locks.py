"""The locks say exactly what is installed, agree with pyproject.toml and with each other, and name no address."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
GROUPS = PROJECT["dependency-groups"]
CLIENT = tomllib.loads((ROOT / "client" / "pyproject.toml").read_text())["project"]["dependencies"]
"""Of the other distribution, which is installed beside this one."""
WANTED = {
    "requirements.lock": PROJECT["project"]["dependencies"] + CLIENT + GROUPS["build"],
    "requirements-dev.lock": PROJECT["project"]["dependencies"] + CLIENT + GROUPS["build"] + GROUPS["dev"],
    "requirements-bench.lock": PROJECT["project"]["dependencies"]
    + CLIENT
    + [line for group in GROUPS.values() for line in group],
}
PIN = re.compile(r"[a-z0-9][a-z0-9-]*==[^ ;]+( ; [^\\]+)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")


def pins(lock: str) -> dict[str, list[str]]:
    """Versions by name; some packages have one for each range of Python versions."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / lock).read_text().splitlines():
        if PIN.fullmatch(line):
            requirement = Requirement(line.removesuffix("\\"))
            found.setdefault(requirement.name, []).append(str(requirement.specifier).removeprefix("=="))
    return found


@pytest.mark.parametrize("lock", WANTED)
def test_a_lock_holds_names_versions_and_hashes_only(lock: str) -> None:
    lines = (ROOT / lock).read_text().splitlines()
    assert [line for line in lines if not (PIN.fullmatch(line) or HASH.fullmatch(line))] == []


@pytest.mark.parametrize("lock", WANTED)
def test_a_lock_satisfies_what_pyproject_asks_for(lock: str) -> None:
    pinned = pins(lock)
    for line in WANTED[lock]:
        requirement = Requirement(line)
        versions = pinned.get(canonicalize_name(requirement.name), [])
        assert versions, f"{requirement.name} is not in {lock}: run `make lock`"
        assert all(map(requirement.specifier.contains, versions)), f"{line} is not met in {lock}: run `make lock`"


@pytest.mark.parametrize("lock", ["requirements-dev.lock", "requirements-bench.lock"])
def test_tests_and_benchmarks_run_with_the_versions_that_users_get(lock: str) -> None:
    ours = pins(lock)
    assert {name: versions for name, versions in pins("requirements.lock").items() if ours[name] != versions} == {}
