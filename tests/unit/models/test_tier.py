"""A lane's name says its model and its tier, and can be read back."""

import pytest

from models.tier import ServiceTier, lane_of, tier_of


@pytest.mark.parametrize(
    ("tier", "lane"),
    [
        (ServiceTier.STANDARD, "gemini-3.8-flash"),
        (ServiceTier.FLEX, "gemini-3.8-flash:flex"),
        (ServiceTier.ECONOMY, "gemini-3.8-flash:economy"),
    ],
)
def test_a_lane_is_its_model_and_its_tier(tier: ServiceTier, lane: str) -> None:
    assert lane_of("gemini-3.8-flash", tier) == lane
    assert tier_of(lane) is tier


@pytest.mark.parametrize("lane", ["flex", "a:b", "m:standard", "m:FLEX", "models/flex", ""])
def test_what_names_no_other_tier_is_in_the_standard_one(lane: str) -> None:
    assert tier_of(lane) is ServiceTier.STANDARD
