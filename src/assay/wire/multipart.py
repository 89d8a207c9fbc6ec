"""``multipart/form-data`` bodies: bytes to candidate objects and files, and back.

The rule of this module: the framing is strict (RFC 2046 and 7578: CRLF, a closing boundary, a name for every part),
sizes are bounded, and what real clients send beyond the letter is read: ``image[]`` for arrays, ``metadata[key]`` for
objects, ``filename*``, transfer encodings. A problem names the part by its number, counted from 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.errors import UsageError
from assay.wire.forms import objects
from assay.wire.json_text import parse_json
from assay.wire.literals import choices
from assay.wire.media import decode_text, essence, fits, is_json
from assay.wire.nested import Leaf, steps, texts_of
from assay.wire.parts import Part, split_parts
from assay.wire.problem import Malformed, Problem
from assay.wire.written import bracketed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from assay.model import Encoding, Shape

__all__ = ["FilePart", "Multipart", "read_multipart", "write_multipart"]

# Nothing is percent-encoded inside a part, so these are single characters here.
_DELIMITERS = {"spaceDelimited": " ", "pipeDelimited": "|"}


@dataclass(frozen=True, slots=True, repr=False)
class FilePart:
    """One part that is a file: ``name`` as sent (``image[]``), ``field`` the property it belongs to (``image``).

    ``filename`` is None for binary data that came without one; ``content_type`` as sent, empty where there is none.
    """

    name: str
    filename: str | None
    content_type: str
    data: bytes
    field: str = ""

    def __repr__(self) -> str:
        return f"<FilePart {len(self.data)} bytes>"


@dataclass(frozen=True, slots=True)
class Multipart:
    """A body that was read: ``candidates`` are the objects it may stand for, most specific first.

    In a candidate a file is a string with one character for each byte (latin-1), so that a schema of
    ``type: string, format: binary`` holds and lengths count bytes. ``files`` are the files themselves, in order.
    """

    candidates: tuple[Any, ...]
    files: tuple[FilePart, ...] = ()


def read_multipart(
    body: bytes, content_type: str, shape: Shape | None, encoding: Mapping[str, Encoding]
) -> Multipart | Problem:
    """Read a body of the given Content-Type; the shape and encodings are those of its schema and content."""
    files: list[FilePart] = []
    leaves: list[tuple[str, Leaf]] = []
    declared = shape.properties if shape is not None else {}
    try:
        for number, part in enumerate(split_parts(body, content_type), 1):
            field = part.name if part.name in declared or part.name in encoding else steps(part.name)[0]
            how = encoding.get(field)
            _check_part(part, field, how, number)
            if _is_file(part):
                files.append(FilePart(part.name, part.filename, part.content_type, part.data, field))
                leaves.append((part.name, _constant(part.data.decode("latin-1"))))
            else:
                leaves += [(part.name, leaf) for leaf in _leaves(part, how, number)]
        found = choices(objects(leaves, shape, set()))
    except Malformed as error:
        return error.problem
    return Multipart(tuple(found), tuple(files))


def _is_file(part: Part) -> bool:
    """A part with a file name, or with a media type that is neither text nor JSON nor a form."""
    if part.filename is not None:
        return True
    kind, _ = essence(part.content_type)
    return bool(kind) and not (kind.startswith(("text/", "application/x-www-form")) or is_json(kind))


def _check_part(part: Part, field: str, how: Encoding | None, number: int) -> None:
    """Hold a part against its Encoding Object: media type and required headers."""
    if how is None:
        return
    styled = how.style is not None or how.explode is not None
    if part.content_type and how.content_types and not styled:
        kind, _ = essence(part.content_type)
        if not any(fits(kind, wanted) for wanted in how.content_types):
            wanted = " or ".join(how.content_types)
            raise Malformed(
                f"{wanted} for {field}", "another media type" if kind else "no media type", f"part {number}"
            )
    for header in how.headers:
        name = header.name.lower()
        if header.required and name != "content-type" and name not in part.headers:
            raise Malformed(f"the header {header.name} for {field}", "none", f"part {number}")


def _leaves(part: Part, how: Encoding | None, number: int) -> list[Leaf]:
    """Return the values of a part that is no file: one, or the items that an encoding's style puts side by side."""
    kind, _ = essence(part.content_type)
    styled = how is not None and (how.style is not None or how.explode is not None)
    meant_as_json = how is not None and not styled and bool(how.content_types) and all(map(is_json, how.content_types))
    if is_json(kind) or (not kind and meant_as_json):
        value = parse_json(part.data)
        if isinstance(value, Problem):
            raise Malformed(value.expected, value.got, f"part {number}, {value.at}" if value.at else f"part {number}")
        return [_constant(value)]
    text = decode_text(part.data, part.content_type)
    if isinstance(text, Problem):
        raise Malformed(text.expected, text.got, f"part {number}, {text.at}" if text.at else f"part {number}")
    if styled and how is not None and (how.explode is False or how.style in _DELIMITERS):
        return [texts_of(piece) for piece in text.split(_DELIMITERS.get(how.style or "", ","))]
    return [texts_of(text)]


def _constant(value: Any) -> Leaf:
    return lambda _shape: (value,)


def write_multipart(fields: Mapping[str, Any], files: Iterable[FilePart], boundary: str) -> bytes:
    """Write an object and files as a body, fields first, in order; the same arguments give the same bytes.

    Arrays are written ``name[]`` and objects ``name[key]``, as the OpenAI clients do. Raises ``UsageError`` when the
    boundary stands inside the data.
    """
    pieces: list[bytes] = []
    for name, value in fields.items():
        for key, text in bracketed(value, None, name):
            # A name that has its brackets already is a list by its name.
            shown = key[:-2] if key.endswith("[][]") else key
            pieces.append(_part_head(shown, None, "") + text.encode("utf-8", "surrogatepass"))
    pieces += [_part_head(file.name, file.filename, file.content_type) + file.data for file in files]
    line = b"--" + boundary.encode("ascii")
    if any(line in piece for piece in pieces):
        raise UsageError("the multipart boundary stands inside the data; choose another one")
    return b"".join(line + b"\r\n" + piece + b"\r\n" for piece in pieces) + line + b"--\r\n"


def _part_head(name: str, filename: str | None, content_type: str) -> bytes:
    head = f'Content-Disposition: form-data; name="{_quoted(name)}"'
    if filename is not None:
        head += f'; filename="{_quoted(filename)}"'
    if content_type:
        head += f"\r\nContent-Type: {content_type}"
    return head.encode("utf-8", "surrogatepass") + b"\r\n\r\n"


def _quoted(text: str) -> str:
    """Escape as the WHATWG HTML standard does, and double the backslash, as httpx does."""
    return text.replace("\\", "\\\\").replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
