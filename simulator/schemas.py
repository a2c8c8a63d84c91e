"""Answers in the shape that a request's schema asks for.

`conform` takes what the simulator has to say and a JSON schema, and gives a value that follows the schema: where a
property's name is one that we have something to say about, that is said, anything else is filled with the
simplest value allowed.
"""

from collections.abc import Mapping
from typing import Any

MAX_DEPTH = 12
MAX_VALUES = 20_000
"""Schemas may refer to themselves; what lies deeper, or comes after so many values, is null."""
MAX_FILLERS = 100
"""So many empty items are put into a list that asks for them."""

_CAMEL = {"any_of": "anyOf", "max_items": "maxItems", "min_items": "minItems", "max_length": "maxLength"}


def as_json_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """An OpenAPI schema as the API takes it (snake_case names, types in capitals) as a JSON schema."""
    converted = {_CAMEL.get(name, name): value for name, value in schema.items()}
    if "type" in converted:
        converted["type"] = str(converted["type"]).lower()
    if "items" in converted:
        converted["items"] = as_json_schema(converted["items"])
    if "properties" in converted:
        converted["properties"] = {name: as_json_schema(value) for name, value in converted["properties"].items()}
    if "anyOf" in converted:
        converted["anyOf"] = [as_json_schema(value) for value in converted["anyOf"]]
    return converted


def conform(known: object, schema: Mapping[str, Any]) -> object:
    """What is known, cut and filled to follow the schema. Never raises, however odd the schema is."""
    return _Writer(schema).value(known, schema, "value", 0)


class _Writer:
    """Follows one schema, within bounds."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._values = 0

    def value(self, known: object, schema: object, name: str, depth: int) -> object:
        self._values += 1
        if depth > MAX_DEPTH or self._values > MAX_VALUES:
            return None
        if not isinstance(schema, Mapping):
            return known
        aside = self._elsewhere(schema)
        if aside is not None:
            return self.value(known, aside, name, depth + 1)
        allowed = [schema["const"]] if "const" in schema else schema.get("enum")
        if isinstance(allowed, list) and allowed:
            return known if known in allowed else allowed[0]
        kind = _kind(schema)
        if kind == "object":
            return self._object(known, schema, depth)
        return self._array(known, schema, name, depth) if kind == "array" else _scalar(known, kind, schema, name)

    def _elsewhere(self, schema: Mapping[str, Any]) -> object | None:
        """The schema that this one stands for, where it is a choice or a reference."""
        for key in ("anyOf", "oneOf", "allOf"):
            choices = schema.get(key)
            if isinstance(choices, list) and choices:
                typed = (item for item in choices if isinstance(item, Mapping) and item.get("type") != "null")
                return next(typed, choices[0])
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return None
        found: object = self._root
        for step in filter(None, reference.removeprefix("#").split("/")):
            found = found.get(step) if isinstance(found, Mapping) else None
        return found

    def _object(self, known: object, schema: Mapping[str, Any], depth: int) -> dict[str, object]:
        properties = schema.get("properties")
        said = known if isinstance(known, Mapping) else {}
        if not isinstance(properties, Mapping):
            return dict(said)
        return {name: self.value(said.get(name), item, name, depth + 1) for name, item in properties.items()}

    def _array(self, known: object, schema: Mapping[str, Any], name: str, depth: int) -> list[object]:
        least, most = _count(schema.get("minItems")), _count(schema.get("maxItems"))
        said = list(known) if isinstance(known, list) else [None]
        said += [None] * (min(least or 0, MAX_FILLERS) - len(said))
        return [self.value(item, schema.get("items", {}), name, depth + 1) for item in said[:most]]


def _kind(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((item for item in kind if item != "null"), "null")
    if isinstance(kind, str):
        return kind.lower()
    return "object" if "properties" in schema else "array" if "items" in schema else "any"


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _scalar(known: object, kind: str, schema: Mapping[str, Any], name: str) -> object:
    if kind == "string":
        text = known if isinstance(known, str) else f"simulated {name}"
        return text[: _count(schema.get("maxLength"))]
    if kind == "boolean":
        return known if isinstance(known, bool) else False
    if kind in ("integer", "number"):
        least = schema.get("minimum")
        number = known if _is_number(known) else least if _is_number(least) else 0
        return int(number) if kind == "integer" and isinstance(number, float) else number
    return known


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
