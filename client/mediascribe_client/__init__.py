"""mediascribe-client: captions and transcripts from a mediascribe server.

    from mediascribe_client import Mediascribe

    with Mediascribe() as client:
        print(client.wait(client.caption("/srv/photos/cat.jpg")).result().alt_text)

Names are imported when they are used first, so importing the package costs little: httpx2 comes with the first client, pydantic with
the first answer.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mediascribe_client.errors import (
    ApiError,
    AuthenticationError,
    ConflictError,
    ConnectionFailedError,
    FieldError,
    InvalidRequestError,
    JobFailedError,
    MediascribeError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    RequestTimeoutError,
    ServerError,
    UnexpectedAnswerError,
    WaitTimeoutError,
    WebhookVerificationError,
)
from mediascribe_client.version import __version__

if TYPE_CHECKING:
    from mediascribe_client.asynchronous import AsyncMediascribe
    from mediascribe_client.bodies import LocalFile
    from mediascribe_client.given import BulkFilter, JobFields, JobFilters, NewJob
    from mediascribe_client.outputs import CaptionOutput, Missing, Segment, TranscriptOutput, Word
    from mediascribe_client.shapes import (
        Batch,
        BatchEvent,
        BatchReport,
        BulkAction,
        BulkPreview,
        ItemOutcome,
        Job,
        JobError,
        Output,
        Progress,
        RefusedItem,
        SubmittedBatch,
        Usage,
        WebhookDelivery,
        WebhookEndpoint,
        WebhookEndpointWithSecret,
    )
    from mediascribe_client.sync import Mediascribe
    from mediascribe_client.webhooks import WebhookEvent, verify_webhook

__all__ = [
    "ApiError", "AsyncMediascribe", "AuthenticationError", "Batch", "BatchEvent", "BatchReport", "BulkAction", "BulkFilter", "BulkPreview",
    "CaptionOutput",
    "ConflictError", "ConnectionFailedError", "FieldError", "InvalidRequestError", "ItemOutcome", "Job", "JobError",
    "JobFailedError", "JobFields", "JobFilters", "LocalFile", "Mediascribe", "MediascribeError", "Missing", "NewJob",
    "NotFoundError", "Output", "PermissionDeniedError", "Progress", "RateLimitedError", "RefusedItem",
    "RequestTimeoutError", "Segment", "ServerError", "SubmittedBatch", "TranscriptOutput", "UnexpectedAnswerError", "Usage", "WaitTimeoutError",
    "WebhookDelivery", "WebhookEndpoint", "WebhookEndpointWithSecret", "WebhookEvent", "WebhookVerificationError", "Word", "__version__", "verify_webhook",
]  # fmt: skip

_HOMES = {
    "AsyncMediascribe": "asynchronous", "CaptionOutput": "outputs", "Missing": "outputs", "Segment": "outputs", "TranscriptOutput": "outputs", "Word": "outputs", "BulkFilter": "given", "JobFields": "given", "JobFilters": "given", "LocalFile": "bodies",
    "Mediascribe": "sync", "NewJob": "given", "WebhookEvent": "webhooks", "verify_webhook": "webhooks",
}  # fmt: skip
"""Where a name comes from that is not in `shapes`."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES.get(name, 'shapes')}"), name)
    globals()[name] = value
    return value
