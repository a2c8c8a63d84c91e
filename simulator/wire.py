"""Reading a request body as strictly as Google's servers read it.

The body is proto-JSON: each field may be spelled in camelCase or in snake_case, base64 may be standard or URL-safe,
whole numbers may come as strings. A field that is not in the tables of `fields.py`, at any depth, is refused
with its name and path. Nothing here depends on the media themselves.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from simulator.errors import RefusedError, invalid_argument, invalid_payload
from simulator.fields import ENUMS, MESSAGES, FieldType

MAX_VIOLATIONS = 20

_URL_SAFE = str.maketrans("-_", "+/")
_INTEGER = re.compile(r"-?[0-9]{1,19}")


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _spellings(fields: Mapping[str, FieldType]) -> dict[str, tuple[str, FieldType]]:
    return {spelling: (name, kind) for name, kind in fields.items() for spelling in (name, _camel(name))}


_FIELDS = {message: _spellings(fields) for message, fields in MESSAGES.items()}


def read_request(body: bytes, name: str = "GenerateContentRequest") -> dict[str, Any]:
    """The message of that name with every field's name in snake_case and every base64 field decoded to bytes.

    Null fields are left out, as proto-JSON says. Raises RefusedError (400) that names each offending field.
    """
    return read_message(read_json(body), name)


def read_json(body: bytes) -> object:
    """The JSON value of a body or of a line. Raises RefusedError (400)."""
    try:
        value: object = json.loads(str(body, "utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise _unreadable(error) from error
    return value


def read_message(value: object, name: str = "GenerateContentRequest") -> dict[str, Any]:
    """As `read_request`, of what is decoded already."""
    reader = _Reader()
    try:
        message = reader.message(value, name, "")
    except (ValueError, RecursionError) as error:
        raise _unreadable(error) from error
    if reader.violations:
        raise invalid_payload(reader.violations[:MAX_VIOLATIONS])
    return message


def unknown_field(value: Mapping[str, object], name: str = "GenerateContentRequest") -> str | None:
    """The first field of the decoded message, at its top level, that a message of that name does not have."""
    return next((key for key in value if key not in _FIELDS[name]), None)


def _unreadable(error: Exception) -> RefusedError:
    """Bad UTF-8, bad JSON, NaN, numbers of thousands of digits, nesting of thousands of levels."""
    text = str(error).encode("ascii", "replace").decode()[:200] or type(error).__name__
    return invalid_argument(f"Invalid JSON payload received. {text}")


def _refuse_constant(name: str) -> None:
    message = f"Unexpected token: {name}"
    raise ValueError(message)


class _Reader:
    """Walks one body; gathers what is wrong so that one answer names it all."""

    def __init__(self) -> None:
        self.violations: list[tuple[str, str]] = []

    def message(self, value: object, message: str, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            self._invalid(path or "request", message, value)
            return {}
        known = _FIELDS[message]
        read: dict[str, Any] = {}
        for key, item in value.items():
            if key not in known:
                self._unknown(key, path)
                continue
            name, kind = known[key]
            inner = f"{path}.{name}" if path else name
            if name in read:
                self.violations.append((inner, f"Invalid JSON payload received. Field {inner} is set twice."))
            if item is not None:
                read[name] = self._field(item, kind, inner)
        return read

    def _field(self, value: object, kind: FieldType, path: str) -> object:
        if isinstance(kind, str):
            return self._single(value, kind, path)
        if not isinstance(value, list):
            # The real server takes a lone message where a list is asked for.
            return [self._single(value, kind[0], path)]
        return [self._single(item, kind[0], f"{path}[{index}]") for index, item in enumerate(value)]

    def _single(self, value: object, kind: str, path: str) -> object:
        if kind in _FIELDS:
            return self.message(value, kind, path)
        if kind == "Schemas":
            return self._schemas(value, path)
        if kind in ENUMS:
            return self._enum(value, kind, path)
        try:
            return _SCALARS[kind](value)
        except binascii.Error:
            self.violations.append((path, f"Invalid value at '{path}' (TYPE_BYTES), Base64 decoding failed"))
        except (TypeError, ValueError, OverflowError):
            self._invalid(path, f"TYPE_{kind.upper()}", value)
        return None

    def _schemas(self, value: object, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            self._invalid(path, "TYPE_MAP", value)
            return {}
        return {str(key): self.message(item, "Schema", f"{path}[{_shown(key)}]") for key, item in value.items()}

    def _enum(self, value: object, kind: str, path: str) -> str:
        # JSON schema spells its types in lower case, and the server takes both.
        name = value.upper() if kind == "SchemaType" and isinstance(value, str) else value
        if isinstance(name, str) and name in ENUMS[kind]:
            return name
        self._invalid(path, f"type.googleapis.com/google.ai.generativelanguage.v1main.{kind}", value)
        return ""

    def _unknown(self, key: str, path: str) -> None:
        where = f" at '{path}'" if path else ""
        text = f'Invalid JSON payload received. Unknown name "{_shown(key)}"{where}: Cannot find field.'
        self.violations.append((path, text))

    def _invalid(self, path: str, kind: str, value: object) -> None:
        self.violations.append((path, f"Invalid value at '{path}' ({kind}), {_shown(json.dumps(value))}"))


def _shown(text: str) -> str:
    return text if len(text) <= 80 else text[:80] + "..."  # noqa: PLR2004 an error shows the start of what is wrong


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    if not value.isascii():
        value.encode()  # lone surrogates are no text; this raises a ValueError
    return value


def _int(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    if isinstance(value, str) and not _INTEGER.fullmatch(value):
        raise ValueError
    if int(value) != (float(value) if isinstance(value, float) else int(value)):
        raise ValueError
    if not -(2**63) <= int(value) < 2**63:
        raise OverflowError
    return int(value)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    return float(value)


def _bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _bytes(value: object) -> bytes:
    text = _string(value)
    if "-" in text or "_" in text:
        text = text.translate(_URL_SAFE)
    padding = "=" * (-len(text) % 4) if not text.endswith("=") else ""
    return base64.b64decode(text + padding, validate=True)


def _struct(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError
    return value


def _map(value: object) -> dict[str, str]:
    return {_string(key): _string(item) for key, item in _struct(value).items()}


def _value(value: object) -> object:
    return value


_SCALARS: Mapping[str, Callable[[object], object]] = {
    "string": _string,
    "int": _int,
    "number": _number,
    "bool": _bool,
    "bytes": _bytes,
    "struct": _struct,
    "map": _map,
    "value": _value,
}
