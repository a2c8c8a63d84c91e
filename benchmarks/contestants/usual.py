"""The usual Celery shape: one task a job on threads or gevent, late acknowledgement, two SQL writes a task by SQLAlchemy.

celery --app benchmarks.contestants.usual worker --pool threads --concurrency 16
(BENCH_QUESTION: file with the question, BENCH_DATABASE and BENCH_BROKER: addresses)
"""

import os
import sys
import time

from celery import Celery, signals
from sqlalchemy import JSON, create_engine, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from benchmarks.contestants.by_hand import contents, prepared, read_answer, read_question
from benchmarks.contestants.sdk import connected

THREADS = int(os.environ.get("BENCH_THREADS", "16"))
QUEUE = "usual"
NAME = "usual.caption"

app = Celery("usual", broker=os.environ["BENCH_BROKER"])
app.conf.update(
    task_acks_late=True,
    task_ignore_result=True,
    task_default_queue=QUEUE,
    worker_prefetch_multiplier=4,
    broker_connection_retry_on_startup=True,
)
engine = create_engine(os.environ["BENCH_DATABASE"], pool_size=THREADS)


class Base(DeclarativeBase):
    """The tables."""


class Job(Base):
    """One picture to caption."""

    __tablename__ = "job"

    id: Mapped[int] = mapped_column(primary_key=True)
    batch: Mapped[str]
    path: Mapped[str]
    state: Mapped[str] = mapped_column(default="queued")
    began: Mapped[float | None]
    ended: Mapped[float | None]


class Result(Base):
    """What came of it."""

    __tablename__ = "result"

    job_id: Mapped[int] = mapped_column(primary_key=True)
    output: Mapped[dict[str, object]] = mapped_column(JSON)


@signals.worker_init.connect
def build(**_: object) -> None:
    """The client and the question, once a process."""
    app.client = connected()
    app.asking = read_question(os.environ["BENCH_QUESTION"])


@signals.worker_ready.connect
def say_ready(**_: object) -> None:
    """Tell who measures."""
    print("ready", file=sys.__stdout__, flush=True)  # Celery makes log records of what goes to sys.stdout


@app.task(name=NAME)
def caption(job_id: int, path: str) -> None:
    """One job from beginning to end."""
    with Session(engine) as session:
        session.execute(update(Job).where(Job.id == job_id).values(state="running", began=time.time()))
        session.commit()
    response = app.client.models.generate_content(
        model=app.asking.model, contents=contents(prepared(path), app.asking.prompt), config=app.asking.config
    )
    output = read_answer(response)
    with Session(engine) as session:
        session.execute(update(Job).where(Job.id == job_id).values(state="done", ended=time.time()))
        session.add(Result(job_id=job_id, output=output))
        session.commit()
