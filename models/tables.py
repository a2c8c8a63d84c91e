"""Every stored table, imported in one place so that `Base.metadata` is whole."""

from models.api_key import ApiKey
from models.attempt import Answer, Attempt, Call
from models.base import Base
from models.batch import Batch, Turn
from models.budget import Budget, Hold
from models.bulk_action import BulkAction
from models.job import Job, Result
from models.lane import Lane
from models.parcel import Parcel, ParcelledCall
from models.question import Question
from models.receipt import Receipt
from models.spending import Spending
from models.tally import Tally
from models.upload import Upload
from models.webhook import WebhookDelivery, WebhookEndpoint
from models.worker import Worker

__all__ = [
    "Answer",
    "ApiKey",
    "Attempt",
    "Base",
    "Batch",
    "Budget",
    "BulkAction",
    "Call",
    "Hold",
    "Job",
    "Lane",
    "Parcel",
    "ParcelledCall",
    "Question",
    "Receipt",
    "Result",
    "Spending",
    "Tally",
    "Turn",
    "Upload",
    "WebhookDelivery",
    "WebhookEndpoint",
    "Worker",
]
