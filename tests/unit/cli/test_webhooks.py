from cli.webhooks import DeliveryChoice, EventChoice
from models.webhook import CHOSEN_TYPES, DeliveryState


def test_the_command_line_knows_every_event_and_every_state_of_a_delivery() -> None:
    assert {choice.value for choice in EventChoice} == {str(known) for known in CHOSEN_TYPES}
    assert {choice.value for choice in DeliveryChoice} == {str(known) for known in DeliveryState}
