"""Service tiers: how soon Gemini answers, and for how much; and lanes, which are a model in a tier.

A lane is named after its model, with `:` and the tier where that is not the standard one. So a job's lane says its tier,
and nothing else has to.
"""

from enum import StrEnum


class ServiceTier(StrEnum):
    """How a job is asked. The answer is the same in every tier."""

    STANDARD = "standard"
    """At once, at the full price."""
    FLEX = "flex"
    """At half of the price, when Gemini has room: an answer may take minutes, or be refused for now."""
    ECONOMY = "economy"
    """At half of the price, by Gemini's Batch API: within hours or days."""


def lane_of(model: str, tier: ServiceTier) -> str:
    """The lane of a model in a tier: `gemini-3.8-flash`, `gemini-3.8-flash:flex`."""
    return model if tier is ServiceTier.STANDARD else f"{model}:{tier}"


def tier_of(lane: str) -> ServiceTier:
    """The tier of a lane that `lane_of` named."""
    return _TIERS.get(lane.rpartition(":")[2], ServiceTier.STANDARD) if ":" in lane else ServiceTier.STANDARD


_TIERS = {str(tier): tier for tier in ServiceTier}
