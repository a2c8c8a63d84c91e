"""The page about the states shows what the table of moves says, neither more nor less."""

import re
from pathlib import Path

import pytest

from models.state import FINAL, MOVES, JobState, Move

PAGE = (Path(__file__).parents[3] / "docs" / "explanation" / "states.md").read_text(encoding="utf-8")
ARROW = re.compile(r"^\s*(\S+) --> (\S+?)(?:: (\S+))?$", re.MULTILINE)


def drawn() -> list[tuple[str, str, str]]:
    """Every arrow of the diagram: from, to, move."""
    blocks = re.findall(r"```mermaid\nstateDiagram-v2\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 1
    arrows = ARROW.findall(blocks[0])
    assert len(arrows) == len([row for row in blocks[0].splitlines() if row.strip()]), "a line is no arrow"
    return arrows


def test_the_diagram_is_the_table_of_moves() -> None:
    between_states = [(move, source, target) for source, target, move in drawn() if "[*]" not in (source, target)]
    table = [(str(move), str(source), str(arrow.target)) for move, arrow in MOVES.items() for source in arrow.sources]
    assert sorted(between_states) == sorted(table)


def test_the_diagram_begins_with_a_queued_job_and_ends_with_the_final_states() -> None:
    assert [target for source, target, _ in drawn() if source == "[*]"] == [JobState.QUEUED]
    assert sorted(source for source, target, _ in drawn() if target == "[*]") == sorted(FINAL)


@pytest.mark.parametrize(("heading", "names"), [("States", JobState), ("Moves", Move)])
def test_each_state_and_each_move_has_a_sentence_and_nothing_else_has(
    heading: str, names: type[JobState | Move]
) -> None:
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    described = re.findall(r"^- `(\w+)`: \S", section, re.MULTILINE)
    assert sorted(described) == sorted(names)
