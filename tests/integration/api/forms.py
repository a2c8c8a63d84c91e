"""Forms as bytes, good ones and bad ones."""

from tests.unit.media.pictures import encoded, scene

BOUNDARY = "b0undary"
PICTURE = encoded(scene(), "PNG")
HEADERS = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def part(name: str, value: bytes | str, filename: str | None = None) -> bytes:
    """One field."""
    named = f'; filename="{filename}"' if filename is not None else ""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'
    return head.encode() + (value.encode() if isinstance(value, str) else value) + b"\r\n"


FILE = part("file", PICTURE, "cat.png")
KIND = part("kind", "caption")
END = f"--{BOUNDARY}--\r\n".encode()


def form(*parts: bytes) -> bytes:
    """The parts as one body; the kind after the file, where none are given."""
    return b"".join(parts or (FILE, KIND)) + END
