"""How an outbound request goes wrong, in words that follow the address: `https://host/a.jpg` + `is refused: …`."""

from enum import Enum, auto


class Reason(Enum):
    """What kept a request from its answer."""

    NOT_ALLOWED = auto()
    """Its address is none that may be asked; asking again changes nothing."""
    UNREACHABLE = auto()
    """No answer, or a broken one; it may pass."""
    ENDLESS = auto()
    """It leads from one address to the next and nowhere."""
    TOO_LARGE = auto()
    """The answer has more bytes than wanted."""
    UNREADABLE = auto()
    """The answer is packed in a way that was not asked for and is not known."""
    STOPPED = auto()
    """Whoever asked does not want to know any more."""


class OutboundError(Exception):
    """A request that got no answer; `words` say why and what to do, without the address."""

    def __init__(self, reason: Reason, words: str) -> None:
        super().__init__(words)
        self.reason = reason
        self.words = words


def not_allowed(words: str) -> OutboundError:
    """An address that may not be asked."""
    return OutboundError(Reason.NOT_ALLOWED, words)


def unreachable(words: str) -> OutboundError:
    """No whole answer; it may pass."""
    return OutboundError(Reason.UNREACHABLE, words)
