"""Files as streams of plain bytes, wherever they lie: local paths, or object stores through fsspec; packed or not.

The rule of this module: the only one of this room that touches files; a stream is never longer in memory than what is
read at once, and a compressed file that ends early raises one of ``DAMAGED`` where it ends.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from assay.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["DAMAGED", "File", "is_packed", "listed", "opened", "raw", "shown"]

DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile)
"""What reading raises where a compressed file is cut off or damaged."""

File = tuple[str, int]
"""A file as it is opened, and its size in bytes."""

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_BUFFER = 1 << 20
_FED = 4096  # a few bytes of zstd may stand for 128 kB, so little is fed at once
_URL = re.compile(r"[a-z][a-z0-9+.-]*(::[a-z0-9+.-]+)*://", re.IGNORECASE)


def shown(file: str) -> str:
    """The name of a file for people: an address without credentials and query."""
    if not _URL.match(file):
        return file
    scheme, _, rest = file.partition("://")
    host, slash, path = rest.partition("?")[0].partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def listed(sources: Iterable[str]) -> list[File]:
    """Return every file that the sources name, once and sorted; raises UsageError for a source without a file."""
    found: dict[str, int] = {}
    for source in sources:
        files = [*(_remote(source) if _URL.match(source) else _local(source))]
        if not files:
            raise UsageError(f"{shown(source)}: there is no file")
        found.update(files)
    return sorted(found.items())


def raw(file: str) -> BinaryIO:
    """Open a file as it lies there."""
    if not _URL.match(file):
        return Path(file).open("rb", buffering=_BUFFER)
    try:
        return io.BufferedReader(_fsspec().open(file, "rb").open(), _BUFFER)
    except (OSError, UsageError):
        raise
    except Exception as error:  # noqa: BLE001  every store raises errors of its own
        raise OSError(0, f"the store cannot give it ({type(error).__name__})") from None


def is_packed(file: str) -> bool:
    """Say whether a file is compressed."""
    with raw(file) as lying:
        return lying.read(4).startswith((_GZIP, _ZSTD))


def opened(file: str, start: int = 0) -> BinaryIO:
    """Open a file as plain bytes; ``start`` is an offset into one that is not compressed."""
    lying = raw(file)
    magic = lying.read(4)
    lying.seek(start)
    if magic == _ZSTD:
        return cast("BinaryIO", io.BufferedReader(_Zstd(lying), _BUFFER))
    if magic.startswith(_GZIP):
        return cast("BinaryIO", _Gzip(lying))
    return lying


class _Gzip(gzip.GzipFile):
    """A gzip file that closes what it reads."""

    def __init__(self, lying: BinaryIO) -> None:
        super().__init__(fileobj=lying)
        self._lying = lying

    def close(self) -> None:
        super().close()
        self._lying.close()


class _Zstd(io.RawIOBase):
    """The plain bytes of a file of zstd frames; EOFError where the last frame has no end."""

    def __init__(self, lying: BinaryIO) -> None:
        try:
            import zstandard  # noqa: PLC0415  of the extra assay[audit]
        except ImportError:
            raise UsageError("zstd needs the extra: pip install 'assay[audit]'") from None
        self._lying = lying
        self._new = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj
        self._error = zstandard.ZstdError
        self._frame: Any = None
        self._fed = self._plain = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._plain:
            self._fed = self._fed or self._lying.read(_FED)
            if not self._fed:
                if self._frame is not None:
                    raise EOFError
                return 0
            self._frame = self._frame or self._new()
            try:
                self._plain = self._frame.decompress(self._fed)
            except self._error:
                raise zlib.error from None
            self._fed = b""
            if self._frame.eof:
                self._fed, self._frame = self._frame.unused_data, None
        size = min(len(buffer), len(self._plain))
        buffer[:size] = self._plain[:size]
        self._plain = self._plain[size:]
        return size

    def close(self) -> None:
        self._lying.close()
        super().close()


def _local(source: str) -> Iterator[File]:
    path = Path(source)
    if path.is_dir():
        found: Iterable[Path] = path.rglob("*")
    elif not path.exists() and has_magic(source):
        root = Path(path.anchor) if path.is_absolute() else Path()
        found = root.glob(str(path.relative_to(path.anchor)))
    else:
        found = (path,)
    for one in found:
        if one.is_file():
            yield str(one), one.stat().st_size


def _remote(source: str) -> Iterator[File]:
    core = _fsspec().core
    try:
        system, path = core.url_to_fs(source)
        names = system.glob(path) if has_magic(path) else system.find(path)
        for name in names:
            if not system.isdir(name):
                yield system.unstrip_protocol(name), int(system.size(name) or 0)
    except FileNotFoundError:
        return
    except Exception as error:  # noqa: BLE001  every store raises errors of its own
        raise UsageError(f"{shown(source)}: the store cannot be read ({type(error).__name__})") from None


def _fsspec() -> Any:
    try:
        import fsspec  # noqa: PLC0415  of the extra assay[audit]
    except ImportError:
        raise UsageError("object stores need the extra: pip install 'assay[audit]'") from None
    return fsspec
