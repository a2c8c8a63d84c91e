"""What a call may cost at most, told before it is made."""

from dataclasses import replace

from gemini.price_files import load_prices
from models.tier import ServiceTier
from tasks.base import Clip
from tests.unit.gemini.asking import QUESTION
from worker.forecast import Forecast, first_guess

PICTURE = Clip(index=0, mime_type="image/jpeg", data=b"x")


def test_half_as_much_is_held_for_a_call_in_flex() -> None:
    forecast, prices = Forecast(), load_prices()
    dear, cheap = (
        first_guess("caption", replace(QUESTION, tier=tier), PICTURE)
        for tier in (ServiceTier.STANDARD, ServiceTier.FLEX)
    )
    assert forecast.most_usd(dear, prices) == 2 * forecast.most_usd(cheap, prices) > 0
