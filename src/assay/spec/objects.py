"""The objects an operation is made of: parameters, headers, bodies, responses, media types, encodings.

The rule of this module: references are followed, defaults of the OpenAPI specification are filled in, and what cannot
be read is an error with its place. An object never outlives its reading: the model holds values and references.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, cast

from assay.model import Answer, Body, Content, Encoding, Parameter, Repair

if TYPE_CHECKING:
    from assay.model import Location
    from assay.spec.refs import Place, Tree

__all__ = ["Notes", "Objects", "identity", "undescribed"]

# Default style by location (OpenAPI 3.1, 4.8.12.2).
_STYLES = {"path": "simple", "query": "form", "header": "simple", "cookie": "form", "querystring": "form"}
_ALLOWED = {
    "path": ("simple", "label", "matrix"),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "header": ("simple",),
    "cookie": ("form", "cookie"),
    "querystring": ("form",),
}
# These header parameters are described elsewhere in OpenAPI and "shall be ignored" (4.8.12.1; 4.8.17 for responses).
_IGNORED = frozenset(("accept", "content-type", "authorization"))


class Notes:
    """Repairs of the reader, counted by reason."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._places: dict[str, list[str]] = {}

    def add(self, reason: str, reference: str) -> None:
        """Note one repair at a place."""
        shown = reference.removeprefix(self._root)
        places = self._places.setdefault(reason, [])
        if shown not in places:
            places.append(shown)

    def repairs(self) -> tuple[Repair, ...]:
        """One repair for each reason."""
        return tuple(
            Repair(
                "reader",
                places[0] if len(places) == 1 else f"{places[0]} and {len(places) - 1} more",
                reason,
                count=len(places),
            )
            for reason, places in self._places.items()
        )


def identity(parameter: Parameter) -> tuple[str, str]:
    """What makes two parameters the same: location and name (header names compare without case)."""
    name = parameter.name.lower() if parameter.location == "header" else parameter.name
    return parameter.location, name


def undescribed(name: str, place: Place) -> Parameter:
    """A path parameter that the template names and nothing describes."""
    return Parameter(name, "path", None, required=True, pointer=place.reference)


class Objects:
    """Reads the objects of one description."""

    def __init__(self, tree: Tree, notes: Notes) -> None:
        self._tree = tree
        self._notes = notes
        self._parameters: dict[Place, Parameter] = {}

    def map(self, value: Any, place: Place) -> dict[str, Any]:
        """Return an object's fields; nothing at all is an object without fields."""
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self._tree.error("expected an object", place)
        return value

    def parameters(self, value: Any, place: Place) -> tuple[Parameter, ...]:
        """Read a list of parameters; of two with one name and location the first counts."""
        if value is None:
            return ()
        if not isinstance(value, list):
            raise self._tree.error("expected an array of parameters", place)
        found: dict[tuple[str, str], Parameter] = {}
        for number, item in enumerate(value):
            parameter = self._parameter(item, place / number)
            if parameter is None:
                self._notes.add(
                    "a parameter with an empty name, which nothing can send: removed", (place / number).reference
                )
                continue
            if parameter.location == "header" and parameter.name.lower() in _IGNORED:
                continue
            if found.setdefault(identity(parameter), parameter) is not parameter:
                self._notes.add("a parameter that is described twice: the first counts", (place / number).reference)
        return tuple(found.values())

    def _parameter(self, value: Any, place: Place) -> Parameter | None:
        """Read one parameter; None for the empty row that editors of descriptions leave behind."""
        place, value = self._tree.follow(place, value)
        known = self._parameters.get(place)
        if known is not None:
            return known
        fields = self.map(value, place)
        name, location = fields.get("name"), fields.get("in")
        if not isinstance(name, str):
            raise self._tree.error("a parameter needs a name", place)
        if not isinstance(location, str) or location not in _STYLES:
            raise self._tree.error("a parameter's in must be path, query, header, cookie or querystring", place / "in")
        if not name:
            return None
        parameter = self._described(fields, name, cast("Location", location), place)
        if location == "path" and not parameter.required:
            self._notes.add("a path parameter is always required: read so", place.reference)
            parameter = dataclasses.replace(parameter, required=True)
        self._parameters[place] = parameter
        return parameter

    def _described(self, fields: dict[str, Any], name: str, location: Location, place: Place) -> Parameter:
        """Read what parameters and headers have in common."""
        style = fields.get("style", _STYLES[location])
        if style not in _ALLOWED[location]:
            self._notes.add("a style that this location does not have: its default is used", place.reference)
            style = _STYLES[location]
        explode = fields.get("explode")
        schema, media_type = self._schema(fields, "schema", place), None
        if schema is None and fields.get("content") is not None:
            contents = self.contents(fields["content"], place / "content", ())
            if len(contents) != 1:
                raise self._tree.error("expected exactly one media type", place / "content")
            schema, media_type = contents[0].schema, contents[0].media_type
        return Parameter(
            name=name,
            location=location,
            schema=schema,
            required=fields.get("required") is True,
            style=style,
            explode=explode if isinstance(explode, bool) else style in ("form", "cookie"),
            allow_reserved=fields.get("allowReserved") is True,
            media_type=media_type,
            deprecated=fields.get("deprecated") is True,
            pointer=place.reference,
        )

    def headers(self, value: Any, place: Place) -> tuple[Parameter, ...]:
        """Read response or part headers; Content-Type is described by the media type itself."""
        found = []
        for name, header in self.map(value, place).items():
            if name.lower() == "content-type":
                continue
            at, fields = self._tree.follow(place / name, header)
            found.append(self._described(self.map(fields, at), name, "header", at))
        return tuple(found)

    def body(self, value: Any, place: Place) -> Body:
        """Read a request body."""
        place, value = self._tree.follow(place, value)
        fields = self.map(value, place)
        contents = self.contents(fields.get("content"), place / "content", _FORMS)
        return Body(contents, required=fields.get("required") is True, pointer=place.reference)

    def answer(self, status: str, value: Any, place: Place) -> Answer:
        """Read one response."""
        place, value = self._tree.follow(place, value)
        fields = self.map(value, place)
        return Answer(
            status,
            contents=self.contents(fields.get("content"), place / "content", _MULTIPART),
            headers=self.headers(fields.get("headers"), place / "headers"),
            pointer=place.reference,
        )

    def contents(self, value: Any, place: Place, encoded: tuple[str, ...]) -> tuple[Content, ...]:
        """Read a map of media types; encodings are read for media types that start with one of ``encoded``."""
        found: dict[str, Content] = {}
        for written, item in self.map(value, place).items():
            name = written.partition(";")[0].strip().lower()
            at, item_value = self._tree.follow(place / written, item)
            fields = self.map(item_value, at)
            content = Content(
                name,
                schema=self._schema(fields, "schema", at),
                item_schema=self._schema(fields, "itemSchema", at),
                encoding=self._encodings(fields.get("encoding"), at / "encoding") if name.startswith(encoded) else {},
                pointer=at.reference,
            )
            if found.setdefault(name, content) is not content:
                self._notes.add("a media type that differs only in its parameters: the first counts", at.reference)
        return tuple(found.values())

    def _schema(self, fields: dict[str, Any], name: str, place: Place) -> str | None:
        return None if fields.get(name) is None else (place / name).reference

    def _encodings(self, value: Any, place: Place) -> dict[str, Encoding]:
        return {name: self._encoding(item, place / name) for name, item in self.map(value, place).items()}

    def _encoding(self, value: Any, place: Place) -> Encoding:
        fields = self.map(value, place)
        types = fields.get("contentType")
        style, explode = fields.get("style"), fields.get("explode")
        return Encoding(
            content_types=tuple(part.strip().lower() for part in types.split(",")) if isinstance(types, str) else (),
            style=style if isinstance(style, str) else None,
            explode=explode if isinstance(explode, bool) else None,
            allow_reserved=fields.get("allowReserved") is True,
            headers=self.headers(fields.get("headers"), place / "headers"),
        )


_MULTIPART = ("multipart/",)
_FORMS = (*_MULTIPART, "application/x-www-form-urlencoded")
