"""Reading what answers were like in the past: the base of estimates."""

from dataclasses import dataclass

from sqlalchemy import select

from models.attempt import Call
from models.database import Database
from models.job import Job


@dataclass(frozen=True, kw_only=True, slots=True)
class PastCall:
    """The tokens of one good call."""

    output_tokens: int
    thinking_tokens: int
    sound_tokens: int
    text_tokens: int
    """Input beside the media."""


def past_calls(database: Database, *, kind: str, model: str, limit: int) -> list[PastCall]:
    """The latest good calls for jobs of this kind and model, newest first; those without counted tokens left out.

    Walks the primary key of `call` from its end, as ids are made in the order of time.
    """
    columns = (Call.input_tokens, Call.output_tokens, Call.thinking_tokens, Call.input_by_modality)
    good = (Call.code.is_(None), Call.model == model, Call.output_tokens > 0, Job.kind == kind)
    query = select(*columns).join(Job, Job.id == Call.job_id).where(*good).order_by(Call.id.desc()).limit(limit)
    with database.read() as connection:
        rows = connection.execute(query).all()
    return [
        PastCall(
            output_tokens=row.output_tokens,
            thinking_tokens=row.thinking_tokens,
            sound_tokens=(row.input_by_modality or {}).get("AUDIO", 0),
            text_tokens=max(0, row.input_tokens - _media_tokens(row.input_by_modality or {})),
        )
        for row in rows
    ]


def _media_tokens(by_modality: dict[str, int]) -> int:
    return sum(count for modality, count in by_modality.items() if modality != "TEXT")
