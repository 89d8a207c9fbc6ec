"""A description from where it lies, by name, path or value, into an ``Api``: the one reader of files.

The rule of this module: nothing is read that the caller did not name or that does not lie in the folder of the root
description, and no network is ever used. A failure is one ``DescriptionError``; a failing cache is no failure.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, unquote, urlsplit

from assay.errors import DescriptionError, ReferenceRefused, UsageError
from assay.model import Repair
from assay.spec import cache as caching
from assay.spec.read import read
from assay.spec.refs import Tree
from assay.spec.text import own, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from assay.model import Api
    from assay.spec.overlay import Overlay

__all__ = ["Layer", "Source", "cache_folder", "load_api", "schemas_folder"]

Layer = Literal["compat", "strict"]
Source = str | os.PathLike[str] | dict[str, Any]

_LAYERS: dict[str, tuple[str, ...]] = {
    "compat": ("openai-repairs.yaml", "openai-compat.yaml"),
    "strict": ("openai-repairs.yaml",),
}
_BUNDLED: dict[str, tuple[str, ...]] = {"compat": (), "strict": ("openai-strict.yaml",)}
"""Overlays for the bundled description, which itself states the layer compat; they apply to each of its files."""

_KEPT_ENTRIES = 32
"""How many compiled descriptions the cache folder keeps; the ones not used for longest go first."""


def load_api(
    source: Source,
    *,
    overlays: Iterable[Source | Overlay] = (),
    layer: Layer = "compat",
    allow: Iterable[str | os.PathLike[str]] = (),
    cache: bool = True,
) -> Api:
    """Read a description.

    ``source``    ``"openai"`` (the bundled description), a path, or the description as a dict (which is not changed).
    ``overlays``  overlay documents to apply, in order: paths, dicts, or parsed ones. OpenAI's own published
                  description gets those that mend it first.
    ``layer``     ``compat``, the truth of the wire, or ``strict``, the letter of the description.
    ``allow``     what references may reach beyond the description's folder: the path of a file or folder, or
                  ``URL=PATH`` for the document that a URL names and that lies at PATH.
    ``cache``     keep the compiled form in the user's cache folder, and use it while nothing has changed.

    Raises DescriptionError (also as ReferenceRefused and OverlayError), or UsageError for an unknown layer.
    """
    if layer not in _LAYERS:
        raise UsageError(f"there is no layer {str(layer)[:40]!r}; expected compat or strict")
    given = [_given(overlay, number) for number, overlay in enumerate(overlays, 1)]
    if isinstance(source, dict):
        files = _Files(None, "openapi.json", tuple(allow))
        value = own(source, "the description")
        work = _compile(files, value, (), [*_defaults(value, layer), *given])
        return read(work.tree(files), work.repairs)
    path = schemas_folder() / "openai" / "openapi.yaml" if source == "openai" else Path(source)
    files = _Files(path.parent, path.name, tuple(allow))
    files.names[files.root] = str(path)
    data = _bytes(path, "an OpenAPI description in YAML or JSON")
    entry = _entry(files, layer, data, given) if cache else None
    stored = _stored(entry, files) if entry else None
    if stored is not None:
        return read(stored.tree(files), stored.repairs)
    value, repairs = parse(data, str(path))
    # Our own description needs no mending, whatever its title says.
    mending = [] if source == "openai" else _defaults(value, layer)
    files.everywhere = [one.parsed() for one in _present(_BUNDLED[layer])] if source == "openai" else []
    work = _compile(files, value, repairs, [*mending, *given])
    api = read(work.tree(files), work.repairs)
    if entry:
        _store(entry, caching.dump(work))
    return api


def schemas_folder() -> Path:
    """Return the folder of the descriptions and overlays that come with Assay: in the package, or in the checkout."""
    package = Path(__file__).parents[1]
    shipped = package / "schemas"
    return shipped if shipped.is_dir() else package.parents[1] / "schemas"


# --- compiling ----------------------------------------------------------------------------------------------------


def _compile(files: _Files, value: Any, repairs: tuple[Repair, ...], overlays: list[_Given]) -> _Work:
    """Apply overlays to the root document, then normalise it and every document it reaches."""
    from assay.spec.compiling import applied, normalised  # noqa: PLC0415  see that module's rule

    source = files.names.get(files.root, "the description")
    own_overlays = []
    for overlay in overlays:
        parsed = overlay.parsed()
        uri = files.extended(parsed)
        if uri is None:
            own_overlays.append((parsed, overlay.ours))
        else:
            files.overlays.setdefault(uri, []).append((parsed, False))
    value, made = applied(value, own_overlays, source)
    tree = Tree(files.root, {files.root: value}, files.retrieve)
    tree.names = files.names
    mended = normalised(tree)
    return _Work(tree.documents, (*repairs, *made, *files.repairs, *files.unused(), *mended), files.digests)


class _Work(caching.Compiled):
    """A compiled description."""

    __slots__ = ()

    def tree(self, files: _Files) -> Tree:
        """Return its documents as a tree that retrieves nothing more."""
        tree = Tree(files.root, self.documents)
        tree.names = files.names
        return tree


@dataclass(frozen=True, slots=True)
class _Given:
    """One overlay as the caller gave it: ``identity`` tells it from any other, ``parsed`` reads it when needed."""

    identity: bytes
    parsed: Callable[[], Overlay]
    ours: bool = False


def _given(overlay: Source | Overlay, number: int) -> _Given:
    if isinstance(overlay, dict):
        value = own(overlay, f"overlay {number}")
        return _Given(json.dumps(value).encode(), lambda: _overlay(value, f"overlay {number}"))
    if isinstance(overlay, str | os.PathLike):
        path = Path(overlay)
        data = _bytes(path, "an OAI Overlay document")
        return _Given(data, lambda: _overlay(parse(data, str(path))[0], path.name))
    return _Given(repr(overlay).encode(), lambda: overlay)


def _overlay(value: Any, source: str) -> Overlay:
    from assay.spec.overlay import parse_overlay  # noqa: PLC0415  most starts find the result in the cache

    return parse_overlay(value, source)


def _defaults(value: Any, layer: str) -> list[_Given]:
    """Return the overlays that mend OpenAI's published description, when this is it."""
    if not _is_openais(value):
        return []
    return _present(_LAYERS[layer])


def _present(names: tuple[str, ...]) -> list[_Given]:
    folder = schemas_folder() / "overlays"
    present = [folder / name for name in names if (folder / name).is_file()]
    return [dataclasses.replace(_given(path, 0), ours=True) for path in present]


def _is_openais(value: Any) -> bool:
    """Whether a document is OpenAI's own description, by its title and its server."""
    if not isinstance(value, dict) or not isinstance(value.get("info"), dict):
        return False
    servers = value.get("servers")
    urls = [server.get("url") for server in servers if isinstance(server, dict)] if isinstance(servers, list) else []
    hosts = {urlsplit(url).netloc for url in urls if isinstance(url, str)}
    return "OpenAI API" in str(value["info"].get("title")) and "api.openai.com" in hosts


# --- files --------------------------------------------------------------------------------------------------------


class _Files:
    """The files of one description. ``root`` is the root's URI; ``names`` tells people where a document lies."""

    def __init__(self, folder: Path | None, name: str, allow: tuple[str | os.PathLike[str], ...]) -> None:
        self.root = f"file:///{quote(name)}"
        self.names: dict[str, str] = {}
        self.digests: dict[str, str] = {}
        self.repairs: tuple[Repair, ...] = ()
        # For documents beside the root: our own for each of them, and those that extend one, by its URI.
        self.everywhere: list[Overlay] = []
        self.overlays: dict[str, list[tuple[Overlay, bool]]] = {}
        self.allowed = tuple(os.fspath(one) for one in allow)
        self._folder = folder
        self._urls = dict(one.split("=", 1) for one in self.allowed if "://" in one and "=" in one)
        self._places = [Path(one).resolve() for one in self.allowed if "://" not in one]

    def retrieve(self, uri: str) -> Any:
        """Read and parse one document beside the root."""
        path = self.path(uri)
        try:
            data = _bytes(path, "a YAML or JSON document")
        except DescriptionError as error:
            raise DescriptionError(f"this $ref leads to {path}: {error.message}") from None
        self.digests[uri] = caching.digest(data)
        self.names[uri] = str(path)
        value, made = parse(data, str(path))
        self.repairs = (*self.repairs, *made)
        return self._overlaid(uri, value, str(path))

    def _overlaid(self, uri: str, value: Any, name: str) -> Any:
        """Apply what overlays have for a document; actions of ours without a place in it are for other documents."""
        if not self.everywhere and uri not in self.overlays:
            return value
        from assay.spec.compiling import applied  # noqa: PLC0415  see that module's rule

        value, made = applied(value, [(one, True) for one in self.everywhere], name)
        value, more = applied(value, self.overlays.get(uri, ()), name)
        self.repairs = (*self.repairs, *(one for one in made if one.applied), *more)
        return value

    def extended(self, overlay: Overlay) -> str | None:
        """The URI of the document beside the root that an overlay extends; None means the root."""
        name = (overlay.extends or "").rpartition("/")[2]
        uri = f"file:///{name}"
        beside = self._folder is not None and name and uri != self.root and (self._folder / unquote(name)).is_file()
        return uri if beside else None

    def unused(self) -> tuple[Repair, ...]:
        """The actions of overlays for documents that nothing refers to: not applied."""
        found = [
            overlay for uri, overlays in self.overlays.items() if uri not in self.digests for overlay, _ in overlays
        ]
        return tuple(
            Repair(f"{one.source}{action.pointer}", action.target.text, action.reason, count=0, applied=False)
            for one in found
            for action in one.actions
        )

    def path(self, uri: str) -> Path:
        """Return where a document lies, or refuse it (ReferenceRefused)."""
        if not uri.startswith("file:"):
            return self._named(uri)
        parts = urlsplit(uri)
        path = unquote(parts.path)
        if parts.netloc == "absolute":
            place = Path(path)
        elif self._folder is None:
            raise ReferenceRefused(f"a description given as a dict has no folder to look for {path[1:][:200]} in")
        elif parts.netloc == "outside":
            climbed, _, rest = path[1:].partition("/")
            place = self._folder.joinpath(*([".."] * int(climbed)), rest)
        elif parts.netloc:
            raise ReferenceRefused(f"a $ref to a file on another machine ({parts.netloc[:80]}) is never followed")
        else:
            place = self._folder / path[1:]
        # Links are followed before the question is asked: a link out of the folder leads out of the folder.
        real = place.resolve()
        inside = [*([self._folder.resolve()] if self._folder else []), *self._places]
        if any(real.is_relative_to(one) for one in inside):
            return place
        raise ReferenceRefused(
            f"this $ref leads to {place}, outside the description's folder; allow it by name: allow=[{str(place)!r}]"
        )

    def _named(self, uri: str) -> Path:
        if uri not in self._urls:
            raise ReferenceRefused(
                f"this $ref leads to the network ({uri[:200]}), which is never used; save the document and name it "
                f"with allow=['{uri[:200]}=PATH']"
            )
        return Path(self._urls[uri])


def _bytes(path: Path, wanted: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DescriptionError(f"there is no such file; expected {wanted}", source=str(path)) from None
    except IsADirectoryError:
        raise DescriptionError(f"this is a folder; expected {wanted}", source=str(path)) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "its name cannot be used"
        raise DescriptionError(f"the file cannot be read ({reason}); expected {wanted}", source=str(path)) from None


# --- the cache ----------------------------------------------------------------------------------------------------


def _entry(files: _Files, layer: str, data: bytes, given: list[_Given]) -> Path | None:
    """Name the cache entry by everything that decides what the description compiles to."""
    folder = cache_folder()
    if folder is None:
        return None
    mending = schemas_folder() / "overlays"
    names = (*_LAYERS[layer], *_BUNDLED[layer])
    defaults = [(mending / name).read_bytes() for name in names if (mending / name).is_file()]
    circumstances = json.dumps([files.root, str(files.names[files.root]), layer, files.allowed, sys.version_info[:2]])
    overlays = [one.identity for one in given]
    parts = [_code(), circumstances.encode(), data, str(len(defaults)).encode(), *defaults, *overlays]
    return folder / "descriptions" / f"{caching.key(parts)}.json"


@functools.cache
def _code() -> bytes:
    """Digest of this room's own code: an entry made by another version of it is no entry."""
    folder = Path(__file__).parent
    return caching.digest(b"".join(path.read_bytes() for path in sorted(folder.glob("*.py")))).encode()


def cache_folder() -> Path | None:
    """Return Assay's folder in the user's cache, by the custom of the platform; None where the user has no home."""
    try:
        if named := os.environ.get("XDG_CACHE_HOME"):
            base = Path(named)
        elif sys.platform == "win32":
            base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        elif sys.platform == "darwin":
            base = Path.home() / "Library" / "Caches"
        else:
            base = Path.home() / ".cache"
    except RuntimeError:
        return None
    return base / "assay"


def _stored(entry: Path, files: _Files) -> _Work | None:
    """Return an entry whose other files are unchanged too."""
    try:
        found = caching.load(entry.read_bytes())
        if found is None or files.root not in found.documents:
            return None
        for uri, digest in found.files.items():
            path = files.path(uri)
            if caching.digest(path.read_bytes()) != digest:
                return None
            files.names[uri] = str(path)
    except (OSError, ValueError, ReferenceRefused):
        return None
    with contextlib.suppress(OSError):
        os.utime(entry)
    return _Work(found.documents, found.repairs, found.files)


def _store(entry: Path, data: bytes) -> None:
    """Write an entry under another name first, so that no reader ever sees half of it."""
    with contextlib.suppress(OSError):
        entry.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=entry.parent, prefix=".", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            Path(name).replace(entry)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
        entries = sorted(entry.parent.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in entries[_KEPT_ENTRIES:]:
            old.unlink(missing_ok=True)
