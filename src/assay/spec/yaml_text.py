"""YAML text into plain JSON values, by the YAML 1.2 core schema.

The rule of this module: PyYAML gives the events and nothing else. Its constructors follow YAML 1.1 (``on``, ``12:30``,
``1_000`` would change), and their recursion lets a deeply nested text end the process.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import yaml

from assay.errors import DescriptionError
from assay.spec.notes import DEEPEST, DUPLICATE, UNBOUNDED

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Builder"]

# What aliases may add, in nodes: real descriptions add thousands; a bomb of ten lines adds a thousand million.
_ALIASED = 1_000_000
_CHARACTERS_PER_NODE = 64

# Only the event stream of the loader is used. PyYAML built without libyaml has the slow one alone.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_MAYBE_NUMBER = frozenset("+-.0123456789")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_TAG = "tag:yaml.org,2002:"
_MERGE = "the merge key << is no part of YAML 1.2: merged as YAML 1.1 does"
_NO_KEY: Any = object()


class _Frame:
    """A mapping or sequence that is being read."""

    __slots__ = ("anchor", "key", "merges", "value")

    def __init__(self, value: dict[str, Any] | list[Any], anchor: str | None) -> None:
        self.value = value
        self.anchor = anchor
        self.key = _NO_KEY
        self.merges: list[Any] = []


class Builder:
    """Builds the value of one YAML document from its events, without recursion."""

    def __init__(self, text: str, source: str, notes: dict[str, list[str]]) -> None:
        self._text = text
        self._source = source
        self._notes = notes
        self._frames: list[_Frame] = []
        self._anchors: dict[str, Any] = {}
        self._open: set[str] = set()
        self._budget = _ALIASED
        self._scalars: dict[str, Any] = {}
        self._documents: list[Any] = []

    def build(self) -> Any:
        """Return the value of the one document in the text."""
        try:
            for event in self._events():
                self._take(event)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
            raise DescriptionError(f"this is not YAML: {error.problem}{where}", source=self._source) from None
        except yaml.reader.ReaderError as error:
            raise DescriptionError(
                f"this is not YAML: character {error.position} of the text is not allowed", source=self._source
            ) from None
        except yaml.YAMLError as error:
            raise DescriptionError(f"this is not YAML: {error}", source=self._source) from None
        if not self._documents:
            raise DescriptionError("the file holds no document; expected an OpenAPI description", source=self._source)
        return self._documents[0]

    def _events(self) -> Iterator[yaml.Event]:
        parser = _Loader(self._text)
        try:
            while parser.check_event():
                yield parser.get_event()
        finally:
            parser.dispose()

    def _take(self, event: yaml.Event) -> None:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self._scalar(event)
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            self._enter(event, {} if kind is yaml.MappingStartEvent else [])
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self._leave(event)
        elif kind is yaml.AliasEvent:
            self._put(self._alias(event), event)
        elif kind is yaml.DocumentStartEvent and self._documents:
            raise self._error("the text holds a second document; expected one", event)

    def _scalar(self, event: Any) -> None:
        text = event.value
        frame = self._frames[-1] if self._frames else None
        if frame is not None and frame.key is _NO_KEY and type(frame.value) is dict:
            # Keys are names, whatever they look like: 200 and on stay "200" and "on".
            if text == "<<" and event.implicit[0]:
                frame.key = None
            else:
                frame.key = text
                if text in frame.value:
                    line = f"line {event.start_mark.line + 1}"
                    self._notes.setdefault(DUPLICATE, []).append(f"{text[:80]} ({line})")
            if event.anchor:
                self._anchors[event.anchor] = text
            return
        if event.tag is not None and event.tag != "!":
            value = self._tagged(event)
        elif event.implicit[0]:
            known = self._scalars.get(text, _NO_KEY)
            value = self._plain(text, event) if known is _NO_KEY else known
        else:
            value = text
        if event.anchor:
            self._anchors[event.anchor] = value
        self._put(value, event)

    def _plain(self, text: str, event: Any) -> Any:
        """Resolve an untagged plain scalar by the core schema (YAML 1.2.2, 10.3.2)."""
        if text in _CONSTANTS:
            value: Any = _CONSTANTS[text]
        elif text[0] not in _MAYBE_NUMBER:
            return text
        else:
            value = self._number(text, event)
        if len(self._scalars) < 10_000:  # noqa: PLR2004  a bound for the memory of this table, nothing more
            self._scalars[text] = value
        return value

    def _number(self, text: str, event: Any) -> Any:
        if _INTEGER.fullmatch(text):
            try:
                return int(text)
            except ValueError:
                raise self._error("an integer has more than 4,300 digits", event) from None
        if _BASED.fullmatch(text):
            return int(text, 0)
        if _NOT_FINITE.fullmatch(text):
            self._notes.setdefault(UNBOUNDED, []).append(f"{text} (line {event.start_mark.line + 1})")
            return text
        if not _FLOAT.fullmatch(text):
            return text
        value = float(text)
        if math.isfinite(value):
            return value
        self._notes.setdefault(UNBOUNDED, []).append(f"{text[:40]} (line {event.start_mark.line + 1})")
        return text

    def _tagged(self, event: Any) -> Any:
        """Read a scalar with an explicit tag of the core schema."""
        text, tag = event.value, event.tag.removeprefix(_TAG)
        if tag == "str":
            return text
        value: Any = self._plain(text, event)
        kinds: dict[str, tuple[type, ...]] = {
            "int": (int,),
            "float": (float, int),
            "bool": (bool,),
            "null": (type(None),),
        }
        if tag not in kinds:
            raise self._error(f"the tag {event.tag[:60]!r} means nothing in JSON; remove it", event)
        if not isinstance(value, kinds[tag]) or (isinstance(value, bool) and tag != "bool"):
            raise self._error(f"the value of a !!{tag} is not one", event)
        # A whole number stays exact: JSON has one kind of number.
        return value

    def _enter(self, event: Any, value: dict[str, Any] | list[Any]) -> None:
        if event.tag is not None and event.tag not in ("!", f"{_TAG}map", f"{_TAG}seq"):
            raise self._error(f"the tag {event.tag[:60]!r} means nothing in JSON; remove it", event)
        if self._frames and self._frames[-1].key is _NO_KEY and type(self._frames[-1].value) is dict:
            raise self._error("a key must be a string", event)
        if len(self._frames) >= DEEPEST:
            raise self._error(f"more than {DEEPEST} objects or arrays stand inside one another", event)
        self._frames.append(_Frame(value, event.anchor))
        if event.anchor:
            self._open.add(event.anchor)

    def _leave(self, event: Any) -> None:
        frame = self._frames.pop()
        for merged in frame.merges:
            for name, value in merged.items():
                frame.value.setdefault(name, self._copy(value, event))  # type: ignore[union-attr]
        if frame.anchor:
            self._open.discard(frame.anchor)
            self._anchors[frame.anchor] = frame.value
        self._put(frame.value, event)

    def _put(self, value: Any, event: Any) -> None:
        """Place a finished value where the innermost open container wants it."""
        if not self._frames:
            self._documents.append(value)
            return
        frame = self._frames[-1]
        if type(frame.value) is list:
            frame.value.append(value)
        elif frame.key is _NO_KEY:
            frame.key = self._key(value, event)
        else:
            if frame.key is None:
                self._merge(frame, value, event)
            else:
                frame.value[frame.key] = value
            frame.key = _NO_KEY

    def _key(self, value: Any, event: Any) -> str:
        if isinstance(value, str):
            return value
        raise self._error("a key must be a string", event)

    def _merge(self, frame: _Frame, value: Any, event: Any) -> None:
        parts = value if isinstance(value, list) else [value]
        if not all(isinstance(part, dict) for part in parts):
            raise self._error("the merge key << takes an object or an array of objects", event)
        frame.merges.extend(parts)
        self._notes.setdefault(_MERGE, []).append(f"line {event.start_mark.line + 1}")

    def _alias(self, event: Any) -> Any:
        if event.anchor in self._open:
            raise self._error(f"the alias *{event.anchor[:40]} stands inside its own anchor", event)
        if event.anchor not in self._anchors:
            raise self._error(f"the alias *{event.anchor[:40]} has no anchor", event)
        return self._copy(self._anchors[event.anchor], event)

    def _copy(self, value: Any, event: Any) -> Any:
        """Copy an aliased value, so that no two places share one object; bounded over the whole text."""
        self._budget -= 1 + (len(value) // _CHARACTERS_PER_NODE if isinstance(value, str) else 0)
        if self._budget < 0:
            raise self._error(f"the aliases unfold to more than {_ALIASED:,} values", event)
        if isinstance(value, dict):
            return {name: self._copy(child, event) for name, child in value.items()}
        return [self._copy(child, event) for child in value] if isinstance(value, list) else value

    def _error(self, message: str, event: Any) -> DescriptionError:
        mark = event.start_mark
        return DescriptionError(f"{message}, at line {mark.line + 1}, column {mark.column + 1}", source=self._source)
