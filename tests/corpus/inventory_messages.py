"""Turns the abbreviated examples of the constraint inventory into whole messages, and has the contract judge them.

The rule of this module: an example is embedded as it is. A base stands in only for a message that the example leaves
out altogether; ``with`` adds properties that the shorthand left out and ``set`` replaces placeholders, in the valid and
the invalid example alike where both have the same, so that the two differ only in what the item says.
"""

from __future__ import annotations

import base64
import json
import mmap
import re
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from assay import Request, Response
from assay.rules.registry import Exchange
from assay.wire.multipart import FilePart, write_multipart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from assay.contract import Contract
    from assay.violation import Violation

__all__ = ["Wrapped", "judge"]

BOUNDARY = "inventory-boundary-7d1f"
VARIABLES = frozenset(("req", "resp", "ev", "sse", "query", "path", "hdr", "rhdr", "status", "lines", "body", "info"))
# A file larger than this is never written out: its rules are asked directly, with memory that nobody touches.
WRITTEN = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Wrapped:
    """One item of the inventory with its entry and the base messages of every operation."""

    item: dict[str, Any]
    entry: dict[str, Any]
    bases: dict[str, Any]

    @property
    def operation(self) -> str:
        """The operation whose messages the examples are: the entry's, or the first that the item names."""
        return self.entry.get("operation") or re.split(r"[ ,(]", self.item["operation"].strip("("))[0]

    @property
    def target(self) -> str:
        """What the rule's schema is for: a component with a path (``A.b[].c``), ``request``, ``response``, ..."""
        return self.item["rule"].get("target", "")


def judge(contract: Contract, wrapped: Wrapped, which: str) -> list[Violation]:
    """Return the violations of the example ``which`` (``example_valid`` or ``example_invalid``)."""
    valid, example = _read(wrapped, "example_valid"), _read(wrapped, which)
    for path, value in wrapped.entry.get("set", {}).items():
        steps = path.split(".") if path else []
        example = _replaced(example, steps, _found(valid, steps), value)
    return WRAPPINGS[_wrapping(wrapped)](contract, wrapped, example)


def _wrapping(wrapped: Wrapped) -> str:
    if "as" in wrapped.entry:
        return wrapped.entry["as"]
    return "component" if "at" in wrapped.entry or re.match(r"[A-Z]", wrapped.target) else "exchange"


def _read(wrapped: Wrapped, which: str) -> Any:
    """An example written out: a component's value, or the variables of an exchange with those of ``with``."""
    example = _expanded(wrapped.item[which])
    if _wrapping(wrapped) != "component":
        return _completed(_variables(wrapped, example), wrapped)
    part = wrapped.entry.get("of")
    return example if part is None else _found(_variables(wrapped, example), part.split("."))


def _variables(wrapped: Wrapped, example: Any) -> dict[str, Any]:
    """The example under the name of what it is: req, resp, ev, path, query."""
    where, parameter, name = wrapped.target.partition(" parameter ")
    if parameter:
        return {where: {name: example}}
    if wrapped.item["rule"]["lang"] == "predicate":
        assert example.keys() <= VARIABLES, example.keys()
        return example
    return {{"response": "resp", "event": "ev"}.get(wrapped.target, "req"): example}


# Shorthand.


def _expanded(value: Any) -> Any:
    """Write out ``$gen``: what would be too long for the inventory."""
    if isinstance(value, list):
        return [_expanded(item) for item in value]
    if not isinstance(value, dict):
        return value
    match value.get("$gen"):
        case None:
            return {name: _expanded(item) for name, item in value.items()}
        case "repeat":
            return value["prefix"] + value["unit"] * value["count"]
        case "repeat_list":
            return [_expanded(value["item"])] * value["count"]
        case "range":
            return list(range(*(value[name] for name in ("start", "stop", "count") if name in value)))
        case "bytes":
            return base64.b64decode(value["base64"])
        case "nan":
            return float("nan")
    raise AssertionError(value)


def _completed(variables: dict[str, Any], wrapped: Wrapped) -> dict[str, Any]:
    """Add the properties of the entry's ``with`` that the example leaves out."""
    completed = dict(variables)
    for name, value in wrapped.entry.get("with", {}).items():
        given = variables.get(name, wrapped.bases[wrapped.operation]["request"] if name == "req" else {})
        if not isinstance(value, dict):
            completed.setdefault(name, value)
        elif name in variables:
            completed[name] = {**value, **given}
        else:
            completed[name] = {**given, **value}
    return completed


def _found(value: Any, steps: list[str]) -> Any:
    """The value at a path, or None."""
    for step in steps:
        if isinstance(value, list) and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            return None
    return value


def _replaced(value: Any, steps: list[str], placeholder: Any, new: Any) -> Any:
    """Put ``new`` at a path where the placeholder of the valid example stands; what differs from it stays."""
    if not steps:
        return new if value == placeholder else value
    if isinstance(value, list) and int(steps[0]) < len(value):
        number = int(steps[0])
        return [*value[:number], _replaced(value[number], steps[1:], placeholder, new), *value[number + 1 :]]
    if isinstance(value, dict) and steps[0] in value:
        return {**value, steps[0]: _replaced(value[steps[0]], steps[1:], placeholder, new)}
    return value


# A fragment of a component: judged by the component's own schema.


def _component(contract: Contract, wrapped: Wrapped, value: Any) -> list[Violation]:
    """Judge a value at a component; a component with branches admits what one of them admits."""
    found: list[Violation] = []
    target = wrapped.entry.get("at", wrapped.target)
    direction = "request" if "Request" in target else "response"
    references = list(_places(contract, target))
    assert references, f"{target} is nowhere in the description; say where with `at`"
    for reference in references:
        check = contract.schemas.check(reference, direction)
        if check.ok(value):
            return []
        found += check.explain(value, part="body")
    return found


def _places(contract: Contract, target: str) -> Iterator[str]:
    """The references of the schemas at ``Component.property[].property``; a key with dots stands in quotes."""
    name, *steps = [step.strip('"') for step in re.findall(r'"[^"]+"|\[\]|[^.\[\]"]+', target)]
    for uri, document in contract.api.documents.items():
        schemas = document.get("components", {}).get("schemas", {})
        if name in schemas:
            yield from _below(contract, f"{uri}#/components/schemas/{name}", schemas[name], steps)


def _below(contract: Contract, reference: str, schema: Any, steps: list[str]) -> Iterator[str]:
    if not steps:
        yield reference
        return
    if not isinstance(schema, dict):
        return
    if "$ref" in schema:
        uri, document = reference.partition("#")[0], schema["$ref"]
        there = document if document.startswith("file:") else (
            uri + document if document.startswith("#") else f"{uri.rpartition('/')[0]}/{document}"
        )  # fmt: skip
        yield from _below(contract, there, _at(contract, there), steps)
    for keyword in ("allOf", "anyOf", "oneOf"):
        for number, branch in enumerate(schema.get(keyword, ())):
            yield from _below(contract, f"{reference}/{keyword}/{number}", branch, steps)
    step, rest = steps[0], steps[1:]
    if step == "[]" and "items" in schema:
        yield from _below(contract, f"{reference}/items", schema["items"], rest)
    elif step in schema.get("properties", {}):
        pointer = step.replace("~", "~0").replace("/", "~1")
        yield from _below(contract, f"{reference}/properties/{quote(pointer)}", schema["properties"][step], rest)


def _at(contract: Contract, reference: str) -> Any:
    uri, _, pointer = reference.partition("#")
    value: Any = contract.api.documents[uri]
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value


# Whole messages.


def _exchange(contract: Contract, wrapped: Wrapped, variables: dict[str, Any]) -> list[Violation]:
    """Judge a request, and the response or stream where the example has one."""
    base = wrapped.bases.get(wrapped.operation)
    assert base is not None, f"{wrapped.operation} has no base: add one to `bases`"
    files = [file for _, file in _files(variables.get("req"))]
    if any(file["size"] > WRITTEN for file in files):
        return _by_rules_alone(contract, wrapped, variables["req"])
    request = _request(contract, wrapped, variables, base)
    found = list(contract.check_request(request).violations)
    if {"resp", "ev", "sse", "body", "rhdr", "status"} & variables.keys():
        response = _response(variables, base)
        found += contract.check_response(request, response).violations
    return found


def _request(contract: Contract, wrapped: Wrapped, variables: dict[str, Any], base: dict[str, Any]) -> Request:
    operation = contract[wrapped.operation]
    path = operation.path
    for name, value in {**base.get("path", {}), **variables.get("path", {})}.items():
        path = path.replace(f"{{{name}}}", quote(str(value), safe=":"))
    query = {**base.get("query", {}), **variables.get("query", {})}
    target = f"/v1{path}?{urlencode(_written(query), doseq=True)}" if query else f"/v1{path}"
    headers = {"authorization": "Bearer sk-x", **base.get("headers", {}), **variables.get("hdr", {})}
    value = variables.get("req", base.get("request"))
    if value is None:
        return Request(operation.method, target, headers)
    if {"ev", "sse"} & variables.keys():
        value = {**base.get("stream", {"stream": True}), **value}
    files = _files(value)
    multipart = operation.body.contents[0].media_type.startswith("multipart/")
    by_reference = not files and "image" not in value and len(operation.body.contents) > 1
    if not multipart or by_reference:
        return Request(operation.method, target, {**headers, "content-type": "application/json"}, _json(value))
    fields = {name: item for name, item in value.items() if name not in {name for name, _ in files}}
    parts = [FilePart(name, f["filename"], f["mime"], _content(f, value.get("purpose")), name) for name, f in files]
    return Request(
        operation.method,
        target,
        {**headers, "content-type": f"multipart/form-data; boundary={BOUNDARY}"},
        write_multipart(_written(fields), parts, BOUNDARY),
    )


def _written(values: dict[str, Any]) -> dict[str, Any]:
    """Booleans as they stand in a query or form."""
    return {name: str(v).lower() if isinstance(v, bool) else v for name, v in values.items() if v is not None}


def _response(variables: dict[str, Any], base: dict[str, Any]) -> Response:
    status = variables.get("status", 200)
    if "ev" in variables or "sse" in variables:
        headers = {"content-type": "text/event-stream", **variables.get("rhdr", {})}
        return Response(status, headers, _stream(variables, base))
    if "body" in variables:
        headers = {"content-type": base.get("content-type", "text/plain; charset=utf-8"), **variables.get("rhdr", {})}
        body = variables["body"]
        return Response(status, headers, body.encode() if isinstance(body, str) else body)
    headers = {"content-type": "application/json", **variables.get("rhdr", {})}
    return Response(status, headers, _json(variables.get("resp", base.get("response"))))


def _stream(variables: dict[str, Any], base: dict[str, Any]) -> bytes:
    """Write events as the operation does: ``named`` says that each event's type is its name, ``done`` ends it."""
    if "sse" in variables:
        frames = [(event.get("event"), event["data"]) for event in variables["sse"]]
    else:
        frames = [(event["type"] if base.get("named") else None, _json(event).decode()) for event in variables["ev"]]
        frames += [(None, "[DONE]")] if base.get("done") else []
    return "".join(f"event: {name}\n" * bool(name) + f"data: {data}\n\n" for name, data in frames).encode()


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


# Files: {filename, size, mime, width, height, alpha, duration} as bytes.


def _files(value: Any) -> list[tuple[str, dict[str, Any]]]:
    """The files of a request by the name of their part; a list of files has ``[]`` behind its name."""
    found: list[tuple[str, dict[str, Any]]] = []
    for name, item in value.items() if isinstance(value, dict) else ():
        if isinstance(item, dict) and "filename" in item:
            found.append((name, item))
        elif isinstance(item, list) and item and isinstance(item[0], dict) and "filename" in item[0]:
            found += [(name, file) for file in item]
    return found


def _content(file: dict[str, Any], purpose: str | None) -> bytes:
    """Bytes that are what the shorthand says: a PNG of that size, lines, or a head that tells the kind, filled up."""
    if "lines" in file:
        return b"".join(_json(line) + b"\n" for line in file["lines"])
    size, kind = file["size"], file["mime"]
    if "width" in file and kind == "image/png":
        return _png(file["width"], file["height"], size, alpha=file.get("alpha", False))
    if kind == "application/jsonl":
        return _lines(size, purpose)
    return (_HEADS.get(kind, b"text") + b"\0" * size)[:size]


def _lines(size: int, purpose: str | None) -> bytes:
    """JSON Lines of a purpose, ``size`` bytes in all: ten honest lines, the last one with white space at its end."""
    said = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hi"}]
    asked = {"method": "POST", "url": "/v1/embeddings", "body": {"model": "m", "input": "a"}}
    made = [{"custom_id": str(n), **asked} if purpose == "batch" else {"messages": said} for n in range(10)]
    whole = b"\n".join(json.dumps(line, separators=(",", ":")).encode() for line in made)
    return whole.ljust(size - 1) + b"\n"


_HEADS = {
    "audio/mpeg": b"ID3\x04\0\0\0\0\0\0",
    "audio/wav": b"RIFF\x24\0\0\0WAVEfmt ",
    "image/jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF\0",
    "image/webp": b"RIFF\x24\0\0\0WEBPVP8 ",
    "image/gif": b"GIF89a",
    "video/mp4": b"\0\0\0\x20ftypisom",
}


def _png(width: int, height: int, size: int, *, alpha: bool) -> bytes:
    """A PNG of ``size`` bytes at least; the rows that it lacks are not what a header says."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 6 if alpha else 2, 0, 0, 0)
    row = zlib.compress(b"\0" + b"\0" * (width * (4 if alpha else 3)))
    pieces = [b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head), chunk(b"IDAT", row) + chunk(b"IEND", b"")]
    fill = max(0, size - sum(map(len, pieces)) - 12)
    return pieces[0] + chunk(b"fiLl", b"\0" * fill) + pieces[1]


def _by_rules_alone(contract: Contract, wrapped: Wrapped, value: dict[str, Any]) -> list[Violation]:
    """Ask the rules about files that are too large to be written: their pages are mapped and never touched."""
    parts = [FilePart(n, f["filename"], f["mime"], mmap.mmap(-1, f["size"]), n) for n, f in _files(value)]
    rest = {**value, **{part.field: "" for part in parts}}
    return list(contract.rules.check_request(Exchange(wrapped.operation, rest, files=tuple(parts))))


WRAPPINGS: dict[str, Callable[[Contract, Wrapped, Any], list[Violation]]] = {
    "component": _component,
    "exchange": _exchange,
}


def _lines_of_a_file(contract: Contract, wrapped: Wrapped, example: Any) -> list[Violation]:
    """``lines`` are the JSON Lines of an uploaded file; the purpose stands in the entry's ``with: {req: ...}``."""
    given = {"filename": "a.jsonl", "mime": "application/jsonl", "size": 0, "lines": example["lines"]}
    return _exchange(contract, wrapped, {"req": {**example.get("req", {}), "file": given}})


WRAPPINGS["upload"] = _lines_of_a_file
