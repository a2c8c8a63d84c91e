"""Objects in stores as a source names them, and who may name which."""

import re
from dataclasses import dataclass
from functools import lru_cache

from media.source import refusal
from models.failures import FailureCode

SCHEMES = frozenset({"s3", "gs", "az"})
_LONGEST_KEY_BYTES = 1_024
_PLACE = re.compile(r"([A-Za-z0-9]+)://([^/]*)/?(.*)", re.DOTALL)
_BUCKET = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){1,220}[A-Za-z0-9]|\$(?:root|web)")
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """An object in a store."""

    scheme: str
    bucket: str
    key: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.key}"


@dataclass(frozen=True, kw_only=True, slots=True)
class BucketRules:
    """Which buckets may be named; none listed: every one that the credentials open."""

    allowed: tuple[tuple[str | None, str], ...] = ()
    """Owner (None: all) and how the place begins."""

    def check(self, place: Place, owner: str) -> None:
        """Raises FailureError(source_forbidden)."""
        if self.allowed and not any(who in (None, owner) and _lies_in(place, begin) for who, begin in self.allowed):
            words = "lies in a bucket that jobs of this owner may not name; MEDIASCRIBE_ALLOWED_BUCKETS lists those they may"
            raise refusal(FailureCode.SOURCE_FORBIDDEN, str(place), words)


def _lies_in(place: Place, begin: str) -> bool:
    bucket, slash, key = begin.partition("://")[2].partition("/")
    scheme = begin.partition("://")[0]
    return (place.scheme, place.bucket) == (scheme, bucket) and (not slash or place.key.startswith(key))


@lru_cache(maxsize=16)
def read_bucket_rules(text: str) -> BucketRules:
    """Entries `[owner=]s3://bucket[/beginning of keys]` with commas between. Raises ValueError."""
    return BucketRules(allowed=tuple(_allowed(entry.strip()) for entry in text.split(",") if entry.strip()))


def _allowed(entry: str) -> tuple[str | None, str]:
    owner, has_owner, begin = entry.rpartition("=")
    place = _PLACE.fullmatch(begin)
    if place is None or place[1] not in SCHEMES or not _BUCKET.fullmatch(place[2]) or (has_owner and not owner):
        raise ValueError(f"{entry!r} is no bucket; write [owner=]s3://bucket, gs://bucket or az://container")
    return (owner.strip() if has_owner else None), begin


def read_place(source: str) -> Place:
    """Bucket and key that the source names. Raises FailureError(source_not_found) where no object can be called so."""
    found = _PLACE.fullmatch(source)
    scheme, bucket, key = found.groups() if found else ("", "", "")
    name = _UNWRITABLE.sub("?", source)[:300]
    if scheme.lower() not in SCHEMES or not _BUCKET.fullmatch(bucket):
        raise refusal(FailureCode.SOURCE_NOT_FOUND, name, "names no bucket that can be; write s3://bucket/key")
    if not key or _UNWRITABLE.search(key) or {"", ".", ".."} & set(key.split("/")):
        words = "names no object that can be: a key has no empty parts, no `.` and `..`, and no control characters"
        raise refusal(FailureCode.SOURCE_NOT_FOUND, name, words)
    if len(key.encode()) > _LONGEST_KEY_BYTES:
        raise refusal(FailureCode.SOURCE_NOT_FOUND, name, f"has a key of more than {_LONGEST_KEY_BYTES} bytes")
    return Place(scheme=scheme.lower(), bucket=bucket, key=key)
