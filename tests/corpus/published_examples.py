"""Every example inside a published description: where it stands, what it belongs to, and its text or value.

The rule of this module: what counts as an example is defined at the top of ``examples-ledger.yaml``; this file only
finds them, and judges nothing.
"""

from __future__ import annotations

import itertools
import json
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
ONE = ("items", "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else", "contentSchema")
LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
MAPS = ("properties", "patternProperties", "$defs", "dependentSchemas")
# A comma before a closing bracket, outside strings.
TRAILING = re.compile(r'("(?:[^"\\]|\\.)*")|,(\s*[\]}])')


@dataclass(frozen=True, slots=True)
class Written:
    """An example of an operation: ``method`` and ``path`` as the description names it; texts, or None."""

    pointer: str
    method: str
    path: str
    curl: str | None
    response: str | None


def token(name: str) -> str:
    """One step of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def read_json(text: str) -> Any:
    """Parse the text of an example, leniently: commas before a closing bracket are dropped. Raises ValueError."""
    try:
        return json.loads(text)
    except ValueError:
        return json.loads(TRAILING.sub(lambda m: m[1] or m[2], text))


def schema_examples(document: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield (pointer of the example, pointer of its schema, value) for each ``example`` and ``examples``."""
    for root, schema in _roots(document):
        for pointer, inner in _schemas(schema, root):
            if "example" in inner:
                yield f"{pointer}/example", pointer, inner["example"]
            examples = inner.get("examples")
            if isinstance(examples, list):
                for number, value in enumerate(examples):
                    yield f"{pointer}/examples/{number}", pointer, value


def component_examples(document: Any) -> Iterator[tuple[str, str, str]]:
    """Yield (pointer of the example, pointer of the component, text) for each ``x-oaiMeta.example`` of a component."""
    for name, schema in document["components"]["schemas"].items():
        text = (schema.get("x-oaiMeta") or {}).get("example")
        if isinstance(text, str):
            pointer = f"#/components/schemas/{token(name)}"
            yield f"{pointer}/x-oaiMeta/example", pointer, text


def operation_examples(document: Any) -> Iterator[Written]:
    """Yield each of ``x-oaiMeta.examples`` of the operations."""
    for path, item in document["paths"].items():
        for method in METHODS:
            examples = ((item.get(method) or {}).get("x-oaiMeta") or {}).get("examples")
            if examples is None:
                continue
            base = f"#/paths/{token(path)}/{method}/x-oaiMeta/examples"
            listed = examples if isinstance(examples, list) else [examples]
            for number, example in enumerate(listed):
                pointer = f"{base}/{number}" if isinstance(examples, list) else base
                request = example.get("request")
                curl = request.get("curl") if isinstance(request, dict) else None
                yield Written(pointer, method.upper(), path, curl, example.get("response"))


def curl_body(line: str) -> str | None:
    """Return the quoted text after ``-d`` in a curl line, or None where there is none (or only a file's name)."""
    try:
        words = shlex.split(line.replace("\\\n", " "))
    except ValueError:
        return _quoted(line)
    for flag, word in itertools.pairwise(words):
        if flag in ("-d", "--data", "--data-raw"):
            return None if word.startswith("@") else word
    return None


def _quoted(line: str) -> str | None:
    """The text from the first quote after -d to the last one: for lines that a shell would not take."""
    found = re.search(r"(?:-d|--data|--data-raw)\s+(['\"])(.*)\1", line, re.DOTALL)
    return found[2] if found else None


def _roots(document: Any) -> Iterator[tuple[str, Any]]:
    """Every schema that no other schema holds."""
    for name, schema in document["components"]["schemas"].items():
        yield f"#/components/schemas/{token(name)}", schema
    for path, item in document["paths"].items():
        yield from _parameters(item, f"#/paths/{token(path)}")
        for method in METHODS:
            if method in item:
                yield from _operation(item[method], f"#/paths/{token(path)}/{method}")


def _operation(operation: Any, pointer: str) -> Iterator[tuple[str, Any]]:
    yield from _parameters(operation, pointer)
    yield from _contents(operation.get("requestBody") or {}, f"{pointer}/requestBody")
    for status, answer in operation.get("responses", {}).items():
        yield from _contents(answer, f"{pointer}/responses/{status}")


def _parameters(holder: Any, pointer: str) -> Iterator[tuple[str, Any]]:
    for number, parameter in enumerate(holder.get("parameters") or []):
        if "schema" in parameter:
            yield f"{pointer}/parameters/{number}/schema", parameter["schema"]


def _contents(holder: Any, pointer: str) -> Iterator[tuple[str, Any]]:
    for kind, content in (holder.get("content") or {}).items():
        if "schema" in content:
            yield f"{pointer}/content/{token(kind)}/schema", content["schema"]


def _schemas(schema: Any, pointer: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """A schema and every schema inside it."""
    if not isinstance(schema, dict):
        return
    yield pointer, schema
    for keyword in ONE:
        if isinstance(schema.get(keyword), dict):
            yield from _schemas(schema[keyword], f"{pointer}/{keyword}")
    for keyword in LISTS:
        for number, inner in enumerate(schema.get(keyword) or []):
            yield from _schemas(inner, f"{pointer}/{keyword}/{number}")
    for keyword in MAPS:
        for name, inner in (schema.get(keyword) or {}).items():
            yield from _schemas(inner, f"{pointer}/{keyword}/{token(name)}")


def curl_form(line: str) -> dict[str, str | list[str]] | None:
    """Return the fields that ``-F name=value`` gives in a curl line (files left out), or None for none."""
    words = shlex.split(line.replace("\\\n", " "))
    pairs = [words[n + 1].partition("=") for n, word in enumerate(words[:-1]) if word in ("-F", "--form")]
    fields: dict[str, str | list[str]] = {}
    for name, _, value in pairs:
        if value.startswith("@"):
            continue
        if name.endswith("[]"):
            fields[name[:-2]] = [*fields.get(name[:-2], ()), value]
        else:
            fields[name] = value
    return fields or None
