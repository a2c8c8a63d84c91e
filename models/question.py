"""Questions in flight: what is being asked now, and by whom, so that nobody pays for the same answer beside them."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, TypedId


class Question(Base):
    """One question that a running job asks for its owner.

    It is held for as long as that job runs under that claim, and by nobody else after. Without a foreign key: the row says
    nothing that the job's own row does not overrule, and it is gone before the job can be purged.
    """

    __tablename__ = "question"

    owner: Mapped[str] = mapped_column(String(200), primary_key=True)
    question_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    job_id: Mapped[str] = mapped_column(TypedId("job"))
    claim: Mapped[int]
    is_awaited: Mapped[bool] = mapped_column(default=False)
    """A twin has begun to wait: whoever ends the question at the same moment sees it, though it may not see the twin yet."""
