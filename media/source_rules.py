"""What a source may name: seen from its words alone, without the network and without a look at the disk."""

from dataclasses import dataclass

from media.outbound.errors import OutboundError
from media.outbound.rules import Rules
from media.outbound.target import PORTS, parse_target, redacted
from media.places import SCHEMES, BucketRules, read_place
from media.source import refusal, scheme_of, unanswered
from media.storage.names import SCHEME as UPLOAD
from models.failures import FailureCode, FailureError

KNOWN_SCHEMES = ("file", "http", "https", "s3", "gs", "az")


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceRules:
    """What sources may be named."""

    outbound: Rules
    buckets: BucketRules


def is_remote(source: str) -> bool:
    """Is it copied before it is worked on?"""
    return scheme_of(source) not in (None, "file")


def place_of(source: str) -> str:
    """What its readers share: a host, a bucket, the storage of uploads, or this machine (empty)."""
    if scheme_of(source) == UPLOAD:
        return UPLOAD
    return redacted(source).partition("://")[2].partition("/")[0] if is_remote(source) else ""


def check_source(source: str, rules: SourceRules, owner: str) -> None:
    """Refuse what can be seen to be wrong with a source, without the network and without a look at the disk.

    Raises FailureError(source_forbidden, source_not_found).
    """
    scheme = scheme_of(source)
    if scheme in PORTS:
        try:
            rules.outbound.check(parse_target(source), owner)
        except OutboundError as error:
            raise unanswered(error, redacted(source)) from error
    elif scheme in SCHEMES:
        rules.buckets.check(read_place(source), owner)
    elif scheme not in (None, "file"):
        raise unknown_scheme(source)


def unknown_scheme(source: str) -> FailureError:
    """The failure of a source whose scheme nobody reads."""
    known = ", ".join(f"{scheme}://" for scheme in KNOWN_SCHEMES)
    words = f"begins with {scheme_of(source)}://, which is not read; there are paths, {known}"
    return refusal(FailureCode.SOURCE_FORBIDDEN, redacted(source), words)
