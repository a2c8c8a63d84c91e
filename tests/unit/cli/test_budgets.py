"""`mediascribe budgets`: what it knows of scopes and periods is what the store knows."""

from cli.budgets import PeriodChoice, ScopeChoice
from models.budget import Period, Scope


def test_the_choices_are_those_of_the_store() -> None:
    assert {choice.value for choice in ScopeChoice} == {scope.value for scope in Scope}
    assert {choice.value for choice in PeriodChoice} == {period.value for period in Period}
