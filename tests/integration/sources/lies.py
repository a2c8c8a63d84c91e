"""What web servers say that is not what was asked for: each lie with the failure that it comes to."""

import gzip
import threading
from collections.abc import Iterable, Mapping

from models.failures import FailureCode
from tests.services.web import Asked, Script, answer
from tests.unit.media.pictures import encoded, scene

PICTURE = encoded(scene(), "PNG")
MAX_BYTES = 4_000_000

SIGNED = {
    "Amazon": (403, b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"),
    "Google": (400, b"<Error><Code>ExpiredToken</Code><Details>Invalid argument.</Details></Error>"),
    "Azure": (403, b"<Error><AuthenticationErrorDetail>Signature not valid in the specified time frame</Error>"),
    "others": (410, b"this link has expired"),
}


def endless(_: Asked) -> Iterable[bytes]:
    yield answer(200, PICTURE, content_length=None)
    while True:
        yield bytes(65_536)


def trickle(head: bytes) -> Iterable[bytes]:
    yield head
    never = threading.Event()
    while True:
        never.wait(0.02)
        yield b"x"


PICTURE_BOMB = gzip.compress(PICTURE + bytes(100 * MAX_BYTES), 9)

LIES: Mapping[str, tuple[Script, FailureCode]] = {
    "an endless body": (endless, FailureCode.MEDIA_TOO_LARGE),
    "too large by its own words": (
        lambda _: [answer(200, PICTURE, content_length=MAX_BYTES + 1)], FailureCode.MEDIA_TOO_LARGE,
    ),
    "shorter than said": (
        lambda _: [answer(200, PICTURE, content_length=len(PICTURE) + 9)], FailureCode.SOURCE_UNREACHABLE,
    ),
    "an absurd length": (lambda _: [answer(200, PICTURE, content_length="9" * 40)], FailureCode.SOURCE_UNREACHABLE),
    "a length that is none": (lambda _: [answer(200, PICTURE, content_length="-5")], FailureCode.SOURCE_UNREACHABLE),
    "two lengths": (
        lambda _: [answer(200, PICTURE, content_length="5\r\ncontent-length: 6")], FailureCode.SOURCE_UNREACHABLE,
    ),
    "a chunk that breaks off": (
        lambda _: [answer(200, b"fffff\r\n" + PICTURE, content_length=None, transfer_encoding="chunked")],
        FailureCode.SOURCE_UNREACHABLE,
    ),
    "a slow head": (lambda _: trickle(b"HTTP/1.1 200 OK\r\nx: "), FailureCode.SOURCE_UNREACHABLE),
    "a slow body": (
        lambda _: trickle(answer(200, PICTURE, content_length=MAX_BYTES)), FailureCode.SOURCE_UNREACHABLE,
    ),
    "silence": (lambda _: (threading.Event().wait(3), b"")[1:], FailureCode.SOURCE_UNREACHABLE),
    "nothing": (lambda _: [], FailureCode.SOURCE_UNREACHABLE),
    "another protocol": (lambda _: [b"SSH-2.0-OpenSSH_9.9\r\n"], FailureCode.SOURCE_UNREACHABLE),
    "an endless head": (lambda _: [b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100_000], FailureCode.SOURCE_UNREACHABLE),
    "an empty file": (lambda _: [answer(200)], FailureCode.MEDIA_EMPTY),
    "a page in place of a file": (
        lambda _: [answer(200, b"<html>" + b" " * 9_000, content_type="image/png")], FailureCode.MEDIA_UNSUPPORTED,
    ),
    "a packed bomb": (lambda _: [answer(200, PICTURE_BOMB, content_encoding="gzip")], FailureCode.MEDIA_TOO_LARGE),
    "packed and broken off": (
        lambda _: [answer(200, gzip.compress(PICTURE)[:-20], content_encoding="gzip")], FailureCode.SOURCE_UNREACHABLE,
    ),
    "packed, it says": (lambda _: [answer(200, PICTURE, content_encoding="gzip")], FailureCode.SOURCE_UNREACHABLE),
    "packed in a way that nobody asked for": (
        lambda _: [answer(200, PICTURE, content_encoding="br")], FailureCode.MEDIA_UNSUPPORTED,
    ),
    "a redirect to the metadata": (
        lambda _: [answer(302, location="http://169.254.169.254/latest/meta-data/")], FailureCode.SOURCE_FORBIDDEN,
    ),
    "a redirect to this machine": (lambda _: [answer(302, location="http://localhost/a")], FailureCode.SOURCE_FORBIDDEN),
    "a redirect to another port": (
        lambda _: [answer(302, location="http://127.0.0.1:6379/")], FailureCode.SOURCE_FORBIDDEN,
    ),
    "a redirect to a file": (lambda _: [answer(302, location="file:///etc/passwd")], FailureCode.SOURCE_FORBIDDEN),
    "a redirect to nowhere": (lambda _: [answer(302)], FailureCode.SOURCE_UNREACHABLE),
    "a redirect in a circle": (lambda _: [answer(302, location="/lie")], FailureCode.SOURCE_UNREACHABLE),
}  # fmt: skip
