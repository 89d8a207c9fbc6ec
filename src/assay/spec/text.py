"""JSON and YAML text into plain JSON values, by the YAML 1.2 core schema.

The rule of this module: what comes out is JSON (string keys, finite numbers, no shared or circular parts), made in
time and memory bounded by the length of the text. Where the text can be read in one way only, it is read so and
the deviation is a ``Repair``; anything else is a ``DescriptionError`` with line and column.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from assay.errors import DescriptionError
from assay.model import Repair
from assay.spec.notes import DEEPEST, DUPLICATE, UNBOUNDED

__all__ = ["own", "parse"]

_HALF_OF_A_PAIR = re.compile(r"\\u[dD][89a-fA-F]")


def parse(data: bytes | str, source: str) -> tuple[Any, tuple[Repair, ...]]:
    """Read one JSON or YAML document; return its value and the repairs that reading it took.

    ``source`` names the text in errors; a name that ends in ``.json`` is read as JSON only. A number that JSON cannot
    hold (``.inf``, ``1e400``) becomes its own text. Raises DescriptionError.
    """
    text = data if isinstance(data, str) else _decoded(data, source)
    if not text.strip():
        raise DescriptionError("the file is empty; expected an OpenAPI description in YAML or JSON", source=source)
    notes: dict[str, list[str]] = {}
    value = None
    if source.lower().endswith(".json") or text.lstrip()[:1] in "{[":
        try:
            value = _json(text, source, notes)
        except DescriptionError:
            # A YAML document may begin with a bracket too; when it is not YAML either, JSON's message is the better.
            if source.lower().endswith(".json"):
                raise
            value = _flow(text, source, notes)
    else:
        value = _yaml(text, source, notes)
    return value, tuple(Repair("text", _summary(places), reason, count=len(places)) for reason, places in notes.items())


def _decoded(data: bytes, source: str) -> str:
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise DescriptionError(
            f"the file is not text: byte {error.start} is not UTF-8; expected YAML or JSON", source=source
        ) from None
    if "\0" in text:
        raise DescriptionError("the file is not text: it holds NUL bytes; expected YAML or JSON", source=source)
    return text


def _summary(places: list[str]) -> str:
    return places[0] if len(places) == 1 else f"{places[0]} and {len(places) - 1} more"


def own(value: Any, source: str, depth: int = 0) -> Any:
    """Copy a JSON value, so that no two places share one object; raise DescriptionError where it is not JSON."""
    if depth > DEEPEST:
        raise _too_deep(source)
    if isinstance(value, dict):
        if not all(isinstance(name, str) for name in value):
            # As in YAML text: {200: ...} means {"200": ...}.
            value = {name if isinstance(name, str) else _name(name, source): child for name, child in value.items()}
        return {_whole(name, source): own(child, source, depth + 1) for name, child in value.items()}
    if isinstance(value, list | tuple):
        return [own(child, source, depth + 1) for child in value]
    if isinstance(value, str):
        return _whole(value, source)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    raise DescriptionError(f"a value of type {type(value).__name__} is not JSON", source=source)


def _whole(text: str, source: str) -> str:
    """Return a text that UTF-8 can write, or refuse it."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise _half(source) from None
    return text


def _half(source: str) -> DescriptionError:
    return DescriptionError(
        r"a string holds half of a surrogate pair (\ud800 to \udfff), which is no character", source=source
    )


def _name(name: Any, source: str) -> str:
    if isinstance(name, int) and not isinstance(name, bool):
        return str(name)
    raise DescriptionError(f"a key of type {type(name).__name__} is not JSON; keys are strings", source=source)


# --- JSON ---------------------------------------------------------------------------------------------------------


def _json(text: str, source: str, notes: dict[str, list[str]]) -> Any:
    """Read JSON text; the hooks see every object and every float."""

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            seen: set[str] = set()
            notes.setdefault(DUPLICATE, []).extend(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        return made

    def number(digits: str) -> float | str:
        read = float(digits)
        return read if math.isfinite(read) else unbounded(digits)

    def unbounded(name: str) -> str:
        notes.setdefault(UNBOUNDED, []).append(name[:40])
        return name

    try:
        value = json.loads(text, object_pairs_hook=members, parse_float=number, parse_constant=unbounded)
    except json.JSONDecodeError as error:
        raise DescriptionError(
            f"this is not JSON: {error.msg} at line {error.lineno}, column {error.colno}", source=source
        ) from None
    except RecursionError:
        raise _too_deep(source) from None
    except ValueError:
        raise DescriptionError("an integer has more than 4,300 digits", source=source) from None
    _check_depth(value, source)
    if _HALF_OF_A_PAIR.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise _half(source) from None
    return value


def _flow(text: str, source: str, notes: dict[str, list[str]]) -> Any:
    """Read a text that looks like JSON and is not: as YAML, or raise the message of what its name promises."""
    notes.clear()
    try:
        return _yaml(text, source, notes)
    except DescriptionError:
        if source.lower().endswith((".yaml", ".yml")):
            raise
        return _json(text, source, notes)


def _yaml(text: str, source: str, notes: dict[str, list[str]]) -> Any:
    # PyYAML is not imported before a text needs it: a description from the cache is no text.
    from assay.spec.yaml_text import Builder  # noqa: PLC0415

    return Builder(text, source, notes).build()


def _check_depth(value: Any, source: str) -> None:
    layer = [value]
    for _ in range(DEEPEST + 1):
        layer = (
            [
                child
                for node in layer
                for child in (node.values() if isinstance(node, dict) else node)
                if isinstance(child, dict | list)
            ]
            if isinstance(value, dict | list)
            else []
        )
        if not layer:
            return
    raise _too_deep(source)


def _too_deep(source: str) -> DescriptionError:
    return DescriptionError(f"more than {DEEPEST} objects or arrays stand inside one another", source=source)
