"""Which model a job's next claim asks: its own, or the fallback of its lane while that is paused.

A pause for a reason of the lane alone (the day's quota, a missing model, a person) lets jobs go on with the fallback that the
lane was given, in the fallback's lane: its limits, its budgets, its pauses. What hits the whole project (a wrong key, billing)
does not, nor what is over in minutes. A recording whose clips are answered in part goes on with the model that it began with,
so that nothing is paid for twice and no transcript is of two models.
"""

from functools import cache

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select
from sqlalchemy.orm import aliased

from models.base import db_now
from models.job import Job
from models.lane import Lane
from models.store.lanes import is_paused_now

_Other = aliased(Lane)


@cache
def asked_model() -> ColumnElement[str]:
    """The model that a job's next claim asks in place of its own; NULL where it is its own."""
    fallback = select(Lane.fallback_model).where(Lane.name == Job.lane, is_paused_now(), _has_fallback())
    return case((Job.progress_done > 0, Job.asked_model), else_=fallback.correlate(Job).scalar_subquery())


@cache
def is_shut() -> ColumnElement[bool]:
    """May nothing be asked about a job, because the lane that it would be asked in is paused?"""
    paused = select(Lane.name).where(is_paused_now())
    return or_(
        and_(Job.progress_done == 0, Job.lane.in_(paused.where(~_has_fallback()))),
        and_(Job.progress_done > 0, func.coalesce(Job.asked_model, Job.lane).in_(paused)),
    )


@cache
def is_unbegun_elsewhere() -> ColumnElement[bool]:
    """Is nothing of the job answered by another model than its own?"""
    return or_(Job.progress_done == 0, Job.asked_model.is_(None))


@cache
def _has_fallback() -> ColumnElement[bool]:
    """May the paused lane's jobs be asked with another model, whose lane is open?"""
    other_paused = exists().where(
        _Other.name == Lane.fallback_model,
        _Other.paused,
        or_(_Other.paused_until.is_(None), _Other.paused_until > db_now()),
    )
    may = and_(Lane.fallback_model.is_not(None), func.coalesce(Lane.may_fall_back, False))
    return and_(may, ~other_paused)
