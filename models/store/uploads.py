"""Uploads: made known, kept by a job, found when nobody keeps them."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, literal, select, update

from models.base import db_after, db_now
from models.database import Database, again_after_conflict
from models.ids import new_id
from models.upload import Upload

SLICE = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class NewUpload:
    """A whole file that a job is to keep."""

    id: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftUpload:
    """A file that nobody keeps."""

    id: str
    owner: str


class UploadLostError(Exception):
    """The upload took so long to be accepted that it was taken for abandoned. Nothing was done."""


def begin_upload(database: Database, *, owner: str, name: str, lease_seconds: float) -> str:
    """The id of a file that is about to be stored. It is taken for abandoned when it is not renewed in time."""
    upload_id = new_id("upl")
    values = {
        "id": upload_id, "owner": owner, "name": name, "expires_at": db_after(literal(lease_seconds)),
        "is_leaving": False, "created_at": db_now(),
    }  # fmt: skip
    with database.write() as connection:
        connection.execute(insert(Upload).values(**values))
    return upload_id


def renew_upload(database: Database, upload_id: str, *, lease_seconds: float) -> None:
    """It still comes in. Raises UploadLostError."""
    renew = update(Upload).where(*_is_free(upload_id)).values(expires_at=db_after(literal(lease_seconds)))
    with database.write_unsynced() as connection:
        if not connection.execute(renew).rowcount:
            raise UploadLostError


def keep_upload(connection: Connection, upload: NewUpload, job_id: str) -> None:
    """The job keeps it from now on, within the transaction that makes the job. Raises UploadLostError."""
    values = {"job_id": job_id, "sha256": upload.sha256, "size_bytes": upload.size_bytes}
    if not connection.execute(update(Upload).where(*_is_free(upload.id)).values(**values)).rowcount:
        raise UploadLostError


def take_left_uploads(database: Database, *, upload_id: str | None = None) -> list[LeftUpload]:
    """Some of the files that nobody keeps and nobody takes in, or that one if no job keeps it; no job gets them any more.

    Whoever takes them removes the files, then forgets them; until then they are handed out again. Uses ix_upload_nobodys.
    """
    which = Upload.expires_at < db_now() if upload_id is None else Upload.id == upload_id
    left = and_(Upload.job_id.is_(None), which)
    if upload_id is None:
        with database.read() as connection:  # almost always there are none
            if connection.execute(select(Upload.id).where(left).limit(1)).first() is None:
                return []
    return _take(database, left)


@again_after_conflict
def _take(database: Database, left: ColumnElement[bool]) -> list[LeftUpload]:
    some = select(Upload.id).where(left).limit(SLICE).with_for_update(skip_locked=True)
    with database.write() as connection:
        ids = connection.execute(some).scalars().all()
        taken = update(Upload).where(Upload.id.in_(ids), left).values(is_leaving=True)
        rows = connection.execute(taken.returning(Upload.id, Upload.owner)).all()
    return [LeftUpload(id=row.id, owner=row.owner) for row in rows]


def forget_uploads(database: Database, ids: list[str]) -> None:
    """Their files are removed."""
    with database.write() as connection:
        connection.execute(delete(Upload).where(Upload.id.in_(ids), Upload.is_leaving))


def _is_free(upload_id: str) -> tuple[ColumnElement[bool], ...]:
    return Upload.id == upload_id, Upload.job_id.is_(None), Upload.is_leaving.is_(False)
