"""A call to Gemini as it is booked: what it used, and what it cost by the price of the day in its tier."""

from datetime import UTC, datetime
from decimal import Decimal

from gemini.prices import PriceTable, cost_usd
from gemini.question import Call, Usage
from models.failures import Failure
from models.moves import CallRecord
from models.tier import ServiceTier, tier_of
from tasks.base import Clip
from worker.admission import Pass


def call_record(admitted: Pass, clip: Clip, call: Call, why: Failure | None, prices: PriceTable) -> CallRecord:
    """The record of one call; `why` says why its answer cannot be used, if it cannot."""
    return booked_call(admitted.call_id, call, why, lane=admitted.lane, clip=clip.index, prices=prices)


def booked_call(
    call_id: str, call: Call, why: Failure | None, *, lane: str, clip: int, prices: PriceTable
) -> CallRecord:
    """The same of a call of which only its lane and the number of its clip are known."""
    used = call.usage or Usage()
    cost = _cost(call, used, prices, tier_of(lane)) if call.usage else None
    return CallRecord(
        id=call_id, clip=clip, lane=lane, model=call.model, model_version=call.model_version,
        http_status=call.http_status, finish_reason=call.finish_reason, response_id=call.response_id,
        failure=why,
        input_tokens=used.input_tokens, output_tokens=used.output_tokens, thinking_tokens=used.thinking_tokens,
        cached_tokens=used.cached_tokens, input_by_modality=used.input_by_modality, cost_usd=cost,
        duration_seconds=round(call.duration_seconds, 4),
    )  # fmt: skip


def _cost(call: Call, used: Usage, prices: PriceTable, tier: ServiceTier) -> Decimal | None:
    """What Google bills, by the price of the model that answered, or of the one that was asked."""
    names = dict.fromkeys(name for name in (call.model_version, call.model) if name)
    known = (cost_usd(prices, name, used, datetime.now(UTC).date(), tier) for name in names)
    return next((cost for cost in known if cost is not None), None)
