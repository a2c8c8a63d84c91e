"""Where webhooks may be sent: what the guarded way out allows, and over https unless the operator vouches for the host."""

from media.outbound.errors import OutboundError
from media.outbound.target import parse_target
from models.failures import FailureCode, FailureError, failure
from worker.settings import Settings
from worker.source_settings import source_rules

LONGEST_URL = 2_000


def check_webhook_url(url: str, settings: Settings, owner: str) -> str:
    """The URL, if this owner's messages may go there, as far as can be seen without looking its name up.

    Raises FailureError(invalid_options) naming `url`.
    """
    rules = source_rules(settings).outbound
    if len(url) > LONGEST_URL:
        raise _refused(f"is longer than {LONGEST_URL} characters; use a shorter address")
    try:
        target = parse_target(url)
        rules.check(target, owner)
    except OutboundError as error:
        raise _refused(error.words) from error
    if target.user or target.password:
        raise _refused("names a user or password; what proves the sender is the signature")
    if target.scheme != "https" and not rules.vouches_for(target, owner):
        raise _refused("must begin with https, unless MEDIASCRIBE_ALLOWED_HOSTS names its host")
    return url


def _refused(words: str) -> FailureError:
    return FailureError(failure(FailureCode.INVALID_OPTIONS, f"url {words}", field="url"))
