"""Parameters: path values, query, header fields and cookies to candidate values, by style, explode and shape.

The rule of this module: everything that depends only on the description is settled when a ``Reader`` is made, so
that an operation without parameters, or a request without a query, costs next to nothing. A parameter that cannot be
read gives a reading with a problem, never an exception. Source: OpenAPI 3.1 and 3.2, Parameter Object and its table
of style values; RFC 6570 for the path styles.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.wire.delimited import Decode, read_delimited, read_label, read_matrix, read_text, splits
from assay.wire.forms import read_fields
from assay.wire.json_text import parse_json
from assay.wire.literals import literals
from assay.wire.media import is_json
from assay.wire.named import Fields, read_deep, read_exploded_object, read_repeated
from assay.wire.percent import decode, decode_form, split_pairs
from assay.wire.problem import Malformed, Problem
from assay.wire.written import write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.messages import Headers
    from assay.model import Parameter, Shape

__all__ = ["IGNORED_HEADERS", "Reader", "Reading", "Readings", "write"]

IGNORED_HEADERS = frozenset({"accept", "content-type", "authorization"})
"""Header parameters of these names are ignored (OpenAPI 3.1, Parameter Object, ``name``)."""

# Taking from it leaves it as it is, so all requests may share it.
_NO_FIELDS = Fields()


@dataclass(frozen=True, slots=True)
class Reading:
    """What one parameter of a request holds.

    ``candidates`` are the values its text may stand for, most specific first; the parameter is right when any of
    them is valid. Empty when it is absent or when ``problem`` says why it could not be read. ``spelled`` is set where
    the name came in another spelling than the description's (``include[]`` for ``include`` or ``filter[a]``).
    """

    parameter: Parameter
    present: bool
    candidates: tuple[Any, ...] = ()
    problem: Problem | None = None
    spelled: str | None = None


@dataclass(frozen=True, slots=True)
class Readings:
    """Every declared parameter in the order of the description, and what the query held besides.

    ``undeclared`` are the decoded names of the query that belong to no parameter, in order, each once. ``problem``
    is set when a name of the query cannot be decoded.
    """

    values: tuple[Reading, ...] = ()
    undeclared: tuple[str, ...] = ()
    problem: Problem | None = None


@dataclass(slots=True)
class _Sources:
    """The places of one request where parameters stand."""

    path: Mapping[str, str]
    query: str
    headers: Headers
    fields: Fields
    cookies: Fields
    exploded_cookies: Fields


_Read = Callable[[_Sources], Reading]


class Reader:
    """Reads the parameters of one operation.

    ``shapes`` gives the shape of a parameter's schema by schema reference; a parameter without a schema, or without
    a shape, is read as a string. ``ignored`` are the header parameters that OpenAPI ignores.
    """

    __slots__ = ("_absent", "_always", "_cookies", "_readers", "_whole", "ignored", "parameters")

    def __init__(self, parameters: Sequence[Parameter], shapes: Mapping[str, Shape]) -> None:
        self.ignored = tuple(p for p in parameters if p.location == "header" and p.name.lower() in IGNORED_HEADERS)
        self.parameters = tuple(p for p in parameters if p not in self.ignored)
        declared = frozenset(p.name for p in self.parameters if p.location == "query")
        self._readers = [_compile(p, shapes.get(p.schema or ""), declared) for p in self.parameters]
        # Parameters of these places are looked for even when there is no query.
        self._always = any(p.location in ("path", "header", "cookie") for p in self.parameters)
        self._cookies = any(p.location == "cookie" for p in self.parameters)
        self._whole = any(p.location == "querystring" for p in self.parameters)
        self._absent = Readings(tuple(Reading(p, present=False) for p in self.parameters))

    def read(self, path_values: Mapping[str, str], query: str, headers: Headers) -> Readings:
        """Read every parameter. ``path_values`` and ``query`` (without ``?``) are still percent-encoded."""
        if not query and not self._always:
            return self._absent
        fields = _query_fields(query) if query else _NO_FIELDS
        cookies = exploded = _NO_FIELDS
        if self._cookies:
            text = "; ".join(headers.get_all("cookie"))
            cookies, exploded = _cookie_fields(text), _cookie_fields(text.replace("&", ";"))
        sources = _Sources(path_values, query, headers, fields, cookies, exploded)
        values = tuple([read(sources) for read in self._readers])
        if self._whole or len(fields.taken) == len(fields.raw):
            return Readings(values, (), fields.problem)
        return Readings(values, tuple(name for name in fields.raw if name not in fields.taken), fields.problem)


def _compile(parameter: Parameter, shape: Shape | None, declared: frozenset[str]) -> _Read:
    """Choose, once, the function that reads a parameter, and guard it: a problem becomes a reading."""
    match parameter.location:
        case "path":
            find = _path_reader(parameter, shape)
        case "header":
            find = _header_reader(parameter, shape)
        case "querystring":
            find = _whole_query_reader(parameter, shape)
        case "cookie":
            find = _cookie_reader(parameter, shape, declared)
        case "query":
            find = _query_reader(parameter, shape, declared)
    absent = Reading(parameter, present=False)

    def read(sources: _Sources) -> Reading:
        try:
            found = find(sources)
        except Malformed as error:
            return Reading(parameter, present=True, problem=error.problem)
        if found is None:
            return absent
        candidates, spelled = found
        return Reading(parameter, True, candidates, None, spelled)  # noqa: FBT003  the hot path

    return read


_Found = tuple[tuple[Any, ...], str | None] | None
_Find = Callable[[_Sources], _Found]


def _found(candidates: tuple[Any, ...]) -> _Found:
    return (candidates, None) if candidates else None


def _path_reader(parameter: Parameter, shape: Shape | None) -> _Find:
    name, read = parameter.name, _value_reader(parameter, shape, decode)

    def find(sources: _Sources) -> _Found:
        raw = sources.path.get(name)
        return None if raw is None else (read(raw), None)

    return find


def _header_reader(parameter: Parameter, shape: Shape | None) -> _Find:
    name, read = parameter.name.lower(), _value_reader(parameter, shape, decode)
    plain = _value_reader(parameter, shape, str)
    listed = shape is not None and bool(shape.types & {"array", "object"}) and parameter.media_type is None

    def find(sources: _Sources) -> _Found:
        raw = sources.headers.get(name)
        if raw is None:
            return None
        text = ",".join([piece.strip(" \t") for piece in raw.split(",")]) if listed else raw.strip(" \t")
        return _plain_or_decoded(text, plain, read), None

    return find


def _value_reader(parameter: Parameter, shape: Shape | None, unescape: Decode) -> Callable[[str], tuple[Any, ...]]:
    """Return the function that reads one raw text which holds the whole value."""
    name, style, exploded = parameter.name, parameter.style, parameter.explode
    types = shape.types if shape is not None else frozenset[str]()
    if parameter.media_type is not None:
        return _content_reader(parameter.media_type, shape, unescape)
    if style == "label":
        return lambda raw: read_label(raw, shape, unescape, exploded=exploded) or (unescape(raw),)
    if style == "matrix":
        return lambda raw: read_matrix(name, raw, shape, unescape, exploded=exploded)
    if not types & {"array", "object"}:
        return lambda raw: literals(unescape(raw), shape)

    def read(raw: str) -> tuple[Any, ...]:
        found = read_delimited(splits(style, raw), shape, unescape, exploded=exploded)
        return (*found, *read_text(raw, shape, unescape)) or (unescape(raw),)

    return read


def _content_reader(media_type: str, shape: Shape | None, unescape: Decode) -> Callable[[str], tuple[Any, ...]]:
    """Return the reader of a parameter that is described by ``content``."""
    if not is_json(media_type):
        return lambda raw: literals(unescape(raw), shape)

    def read(raw: str) -> tuple[Any, ...]:
        value = parse_json(unescape(raw).encode("utf-8", "surrogateescape"))
        if isinstance(value, Problem):
            raise Malformed(value.expected, value.got, value.at)
        return (value,)

    return read


def _plain_or_decoded(
    raw: str, plain: Callable[[str], tuple[Any, ...]], decoded: Callable[[str], tuple[Any, ...]]
) -> tuple[Any, ...]:
    """Read a text of a place that has no percent-encoding of its own, and decoded too where it looks encoded."""
    if "%" not in raw:
        return plain(raw)
    try:
        found = plain(raw)
    except Malformed:
        return decoded(raw)
    try:
        return found + decoded(raw)
    except Malformed:
        return found


def _query_reader(parameter: Parameter, shape: Shape | None, declared: frozenset[str]) -> _Find:
    name, style = parameter.name, parameter.style
    types = shape.types if shape is not None else frozenset[str]()
    if parameter.media_type is not None:
        content = _content_reader(parameter.media_type, shape, decode_form)
        return lambda sources: _only(sources.fields.take(name), content)
    if style == "deepObject":
        return lambda sources: _found(read_deep(name, sources.fields, shape))
    if parameter.explode and shape is not None and "object" in types:
        return lambda sources: _exploded_query_object(name, sources.fields, shape, declared)
    respelled = f"{name}[]" if "array" in types and f"{name}[]" not in declared else ""

    def find(sources: _Sources) -> _Found:
        fields = sources.fields
        values, spelled = fields.take(name), None
        if not values and respelled:
            values, spelled = fields.take(respelled), respelled
        if not values:
            return None
        return read_repeated(values, parameter.style, shape, decode_form, exploded=parameter.explode), spelled

    return find


def _exploded_query_object(name: str, fields: Fields, shape: Shape, declared: frozenset[str]) -> _Found:
    """Read an object's properties side by side, or in brackets, as clients send what descriptions forget to style."""
    if any(key.startswith(f"{name}[") for key in fields.raw):
        return read_deep(name, fields, shape), f"{name}[]"
    return _found(read_exploded_object(name, fields, shape, declared, decode_form))


def _cookie_reader(parameter: Parameter, shape: Shape | None, declared: frozenset[str]) -> _Find:
    name = parameter.name
    types = shape.types if shape is not None else frozenset[str]()
    if parameter.media_type is not None:
        content = _content_reader(parameter.media_type, shape, decode)
        return lambda sources: _only(sources.cookies.take(name), content)
    whole = parameter.explode and bool(types & {"array", "object"})

    def one(sources: _Sources, unescape: Decode) -> _Found:
        fields = sources.exploded_cookies if whole and parameter.style == "form" else sources.cookies
        if parameter.explode and shape is not None and "object" in types:
            return _found(read_exploded_object(name, fields, shape, declared, unescape))
        values = fields.take(name)
        return (
            _found(read_repeated(values, parameter.style, shape, unescape, exploded=parameter.explode))
            if values
            else None
        )

    if parameter.style == "form":
        return lambda sources: one(sources, decode)

    def find(sources: _Sources) -> _Found:
        plain = one(sources, str)
        try:
            decoded = one(sources, decode)
        except Malformed:
            return plain
        if plain is None or decoded is None or plain == decoded:
            return plain
        return plain[0] + decoded[0], None

    return find


def _whole_query_reader(parameter: Parameter, shape: Shape | None) -> _Find:
    """Read OpenAPI 3.2's ``querystring``: the whole query is one value, described by ``content``."""
    if parameter.media_type == "application/x-www-form-urlencoded":
        return lambda sources: (read_fields(sources.query, shape, {}), None) if sources.query else None
    content = _content_reader(parameter.media_type or "text/plain", shape, decode)
    return lambda sources: (content(sources.query), None) if sources.query else None


def _only(values: list[str], read: Callable[[str], tuple[Any, ...]]) -> _Found:
    if len(values) > 1:
        raise Malformed("one value", f"{len(values)} values of the same name")
    return (read(values[0]), None) if values else None


def _query_fields(query: str) -> Fields:
    fields = Fields()
    for name, value in split_pairs(query):
        try:
            key = decode_form(name)
        except Malformed as error:
            fields.problem = error.problem
            continue
        fields.raw.setdefault(key, []).append(value)
    return fields


def _cookie_fields(text: str) -> Fields:
    fields = Fields()
    for piece in text.split(";"):
        name, _, value = piece.strip(" \t").partition("=")
        if name:
            fields.raw.setdefault(name, []).append(value)
    return fields
