"""The page of shapes names the columns and options that there are."""

import re
from pathlib import Path

from tasks.registry import KINDS
from worker.outputs import CSV_COLUMNS

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "states-and-shapes.md").read_text()


def names_under(heading: str) -> list[str]:
    """What stands in backticks below a heading, up to the first full stop that ends a sentence."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"`(\w+)`", re.split(r"\.\s", section, maxsplit=1)[0])


def test_the_columns_of_csv_are_named_in_their_order() -> None:
    assert tuple(names_under("CSV")) == CSV_COLUMNS


def test_the_options_of_every_kind_are_named() -> None:
    """The first column of the table names them, the second the kinds that take each."""
    section = PAGE.partition("\n## Options\n")[2].partition("\n## ")[0]
    named = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", section, flags=re.MULTILINE))
    taken: dict[str, set[str]] = {}
    for kind in KINDS.values():
        for name in kind.options.model_fields:
            taken.setdefault(name, set()).add(kind.name)
    assert named == {name: "both" if kinds == set(KINDS) else next(iter(kinds)) for name, kinds in taken.items()}
