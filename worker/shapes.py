"""The JSON shapes that everybody sees: command line, API, result files. One function a shape, values in, plain JSON out.

Names are promises. Times are RFC 3339 in UTC, durations seconds, money a decimal string in US dollars.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from models.store.budgets import BudgetView
from models.store.bulk_actions import BulkActionView, Preview
from models.store.causes import FailureGroup
from models.store.keys import KeyView
from models.store.lane_views import LaneFacts
from models.store.lanes import LIMITS
from models.store.parcels import AtGemini
from models.store.queries import JobView
from models.store.reports import AttemptView, BatchView, CallView, LaneView, Totals, WorkerView
from models.store.usage import Usage, UsageBy
from models.store.webhooks.endpoints import EndpointView
from models.store.webhooks.log import DeliveryView
from models.tier import tier_of
from worker.quota.terms import Limits

JsonObject = dict[str, Any]

_LEAST_USD = Decimal("0.000001")


def job_shape(view: JobView) -> JsonObject:
    """A job; `output` is null where there is none or it was not asked for."""
    return {
        "id": view.id,
        "batch_id": view.batch_id,
        "owner": view.owner,
        "kind": view.kind,
        "state": str(view.state),
        "source": view.source,
        "client_ref": view.client_ref,
        "metadata": dict(view.metadata),
        "priority": view.priority,
        "attempts": view.attempts,
        "model": view.model,
        "service_tier": str(tier_of(view.lane)),
        "model_version": view.model_version,
        "created_at": rfc3339(view.created_at),
        "started_at": rfc3339(view.started_at),
        "finished_at": rfc3339(view.finished_at),
        "next_attempt_at": rfc3339(view.next_attempt_at),
        "progress": _progress_shape(view),
        "error": _error_shape(view),
        "usage": {
            "calls": view.calls,
            "input_tokens": view.input_tokens,
            "output_tokens": view.output_tokens,
            "thinking_tokens": view.thinking_tokens,
            "cached_tokens": view.cached_tokens,
            "cost_usd": usd(view.cost_usd),
        },
        "reused_from": view.reused_from,
        "output": None if view.output is None else dict(view.output),
    }


def _progress_shape(view: JobView) -> JsonObject:
    """In clips; of a recording that has begun, in its own seconds too."""
    clips = {"done": view.progress_done, "total": view.progress_total, "unit": "clips"}
    if view.progress_seconds_total is None:
        return clips
    return {**clips, "seconds_done": view.progress_seconds_done, "seconds_total": view.progress_seconds_total}


def _error_shape(view: JobView) -> JsonObject | None:
    if view.error_code is None:
        return None
    return {
        "code": view.error_code,
        "message": view.error_message,
        "retryable": bool(view.error_retryable),
        "detail": dict(view.error_detail or {}),
    }


def totals_shape(totals: Totals) -> JsonObject:
    """Counts by state and what was used."""
    return {
        "total": totals.total,
        "done": totals.done,
        "states": {str(state): count for state, count in totals.by_state.items()},
        "finished_last_minute": totals.finished_last_minute,
        "oldest_queued_seconds": totals.oldest_queued_seconds,
        "reused": totals.reused,
        "usage": {
            "calls": totals.calls,
            "input_tokens": totals.input_tokens,
            "output_tokens": totals.output_tokens,
            "thinking_tokens": totals.thinking_tokens,
            "cost_usd": usd(totals.cost_usd),
        },
    }


def pace_shape(totals: Totals) -> JsonObject:
    """How fast the work goes on, and when it will be done at that pace; null where nothing is left or nothing moves."""
    left, rate = totals.total - totals.done, totals.finished_last_minute / 60
    return {"rate_per_second": round(rate, 3), "eta_seconds": round(left / rate, 1) if rate and left else None}


def usage_shape(usage: Usage) -> JsonObject:
    """What calls used and cost; `presumed_usd` is what lost workers may have spent beside it."""
    return _fields_of(usage)


def usage_document(rows: Mapping[str, Usage], total: Usage, *, by: UsageBy, since: date | None) -> JsonObject:
    """Sums, each with the day, owner, lane or batch that it is of, and the sum of all."""
    return {
        "by": str(by),
        "since": None if since is None else since.isoformat(),
        "usage": [{str(by): key, **usage_shape(row)} for key, row in rows.items()],
        "total": usage_shape(total),
    }


def attempt_shape(view: AttemptView) -> JsonObject:
    """One ended attempt."""
    return _fields_of(view)


def call_shape(view: CallView) -> JsonObject:
    """One call; `cost_usd` is null where the price is unknown."""
    return _fields_of(view)


def worker_shape(view: WorkerView) -> JsonObject:
    """One worker process."""
    return _fields_of(view)


def lane_shape(view: LaneView) -> JsonObject:
    """One paused lane."""
    return _fields_of(view)


def lane_facts_shape(facts: LaneFacts, *, limits: Limits) -> JsonObject:
    """One lane and how it stands; `limits` are those of the settings, for what the lane has none of its own of."""
    own = {name: getattr(facts, name) for name in LIMITS}
    counts = {name: getattr(facts, name) for name in ("queued", "waiting", "running")}
    left_out = {*own, *counts, "is_paused", "name"}
    rest = {name: value for name, value in _fields_of(facts).items() if name not in left_out}
    is_stopped = facts.is_paused and facts.paused_until is None and facts.code is not None
    return {
        "name": facts.name,
        "state": "stopped" if is_stopped else "paused" if facts.is_paused else "open",
        **rest,
        "limits": {name: getattr(limits, name) if limit is None else limit for name, limit in own.items()},
        "own_limits": own,
        "jobs": counts,
    }


def at_gemini_shape(view: AtGemini) -> JsonObject:
    """What is under way in batches of the economy tier."""
    return _fields_of(view)


def budget_shape(view: BudgetView) -> JsonObject:
    """One budget, and how it stands."""
    return _fields_of(view)


def batch_shape(view: BatchView) -> JsonObject:
    """One batch."""
    return _fields_of(view)


def batch_report_shape(view: BatchView, totals: Totals) -> JsonObject:
    """One batch, and where it stands."""
    return {**batch_shape(view), **totals_shape(totals), **pace_shape(totals)}


def bulk_action_shape(view: BulkActionView) -> JsonObject:
    """One bulk action: who asked for what and why, and how far it is."""
    return _fields_of(view)


def preview_shape(preview: Preview, *, action: str) -> JsonObject:
    """What a bulk action would do now."""
    return {"action": action, "total": preview.total, "examples": [job_shape(view) for view in preview.examples]}


def key_shape(view: KeyView) -> JsonObject:
    """One API key, without its secret."""
    return {**_fields_of(view), "scopes": sorted(view.scopes)}


def endpoint_shape(view: EndpointView) -> JsonObject:
    """One webhook endpoint, without its secrets."""
    return {**_fields_of(view), "event_types": list(view.event_types)}


def delivery_shape(view: DeliveryView) -> JsonObject:
    """One webhook delivery, with the event as it is sent."""
    return _fields_of(view)


def failure_group_shape(group: FailureGroup) -> JsonObject:
    """Jobs that failed alike."""
    return _fields_of(group)


def _fields_of(view: Any) -> JsonObject:
    """A frozen view under the names of its fields."""
    return {name: _plain_json(getattr(view, name)) for name in type(view).__slots__}


def _plain_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, Decimal):
        return usd(value)
    return dict(value) if isinstance(value, Mapping) else value


def rfc3339(moment: datetime | None) -> str | None:
    """A time such as `2026-11-23T10:00:00Z`, with milliseconds where there are any."""
    if moment is None:
        return None
    utc = moment.astimezone(UTC)
    return utc.isoformat(timespec="milliseconds" if utc.microsecond else "seconds").replace("+00:00", "Z")


def usd(amount: Decimal) -> str:
    """US dollars such as `0.000412`: six decimals, and up to nine where they say more. Never in powers of ten."""
    exact = amount.quantize(Decimal("0.000000001")).normalize()
    return f"{exact if exact.as_tuple().exponent < _LEAST_USD.as_tuple().exponent else exact.quantize(_LEAST_USD):f}"  # type: ignore[operator]  # finite, so the exponents are numbers


def usd_words(amount: Decimal) -> str:
    """For people, such as `$0.0041`: cents matter in large sums, and their fractions in small ones."""
    return f"${amount:.2f}" if amount >= 1 else f"${amount:.4f}"
