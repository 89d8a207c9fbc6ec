"""What a file says of itself in its first bytes: its kind, and for images also size and transparency.

The rule of this module: it reads a bounded piece of the head, decodes no pixel and no sound, and never raises; what it
cannot read is None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["HEAD", "Picture", "kind_of", "picture"]

HEAD = 64 * 1024
"""Bytes that are looked at; what stands behind them is not found."""

_MARKS = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"fLaC", "flac"),
    (b"OggS", "ogg"),
    (b"ID3", "mp3"),
    (b"\x1aE\xdf\xa3", "webm"),
    (b"%PDF-", "pdf"),
)
_RIFF = {b"WEBP": "webp", b"WAVE": "wav"}
_PNG_HEAD, _WEBP_HEAD, _JPEG_HEAD = 26, 30, 9
_WITH_ALPHA = (4, 6)  # PNG colour types that have an alpha channel
# JPEG: the markers that begin a frame, with its size.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True, slots=True)
class Picture:
    """An image by its head: ``kind`` (png, jpeg, webp, gif), size in pixels, and whether it can be transparent.

    ``width`` and ``height`` are 0, and ``alpha`` is None, where the head does not tell.
    """

    kind: str
    width: int = 0
    height: int = 0
    alpha: bool | None = None


def kind_of(data: bytes) -> str | None:
    """Return the kind of a file (png, jpeg, webp, gif, wav, mp3, aac, flac, ogg, mp4, webm, pdf), or None."""
    head = bytes(data[:16])
    for mark, kind in _MARKS:
        if head.startswith(mark):
            return kind
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        return "mp4"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:  # noqa: PLR2004  the sync word of MPEG audio
        return "aac" if head[1] & 0x06 == 0 else "mp3"
    return None


def picture(data: bytes) -> Picture | None:
    """Return what the head of an image tells, or None when it is no image of a known kind."""
    kind = kind_of(data)
    head = bytes(data[:HEAD])
    if kind == "png":
        return _png(head)
    if kind == "jpeg":
        return _jpeg(head)
    if kind == "webp":
        return _webp(head)
    return Picture("gif") if kind == "gif" else None


def _png(head: bytes) -> Picture:
    if len(head) < _PNG_HEAD or head[12:16] != b"IHDR":
        return Picture("png")
    width, height = int.from_bytes(head[16:20]), int.from_bytes(head[20:24])
    # Without a channel of its own, one colour or palette entry may still be transparent (tRNS, before the pixels).
    alpha = head[25] in _WITH_ALPHA or any(name == b"tRNS" for name in _png_chunks(head))
    return Picture("png", width, height, alpha)


def _png_chunks(head: bytes) -> Iterator[bytes]:
    place = 8
    while place + 8 <= len(head):
        name = head[place + 4 : place + 8]
        yield name
        if name in (b"IDAT", b"IEND"):
            return
        place += 12 + int.from_bytes(head[place : place + 4])


def _jpeg(head: bytes) -> Picture:
    place = 2
    while place + _JPEG_HEAD <= len(head) and head[place] == 0xFF:  # noqa: PLR2004  each segment begins so
        marker = head[place + 1]
        if marker in _FRAMES:
            height, width = int.from_bytes(head[place + 5 : place + 7]), int.from_bytes(head[place + 7 : place + 9])
            return Picture("jpeg", width, height, alpha=False)
        place += 2 + int.from_bytes(head[place + 2 : place + 4])
    return Picture("jpeg", alpha=False)


def _webp(head: bytes) -> Picture:
    if len(head) < _WEBP_HEAD:
        return Picture("webp")
    form = head[12:16]
    if form == b"VP8X":
        width, height = int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
        return Picture("webp", width, height, bool(head[20] & 0x10))
    if form == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return Picture("webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1))
    if form == b"VP8 ":
        width, height = int.from_bytes(head[26:28], "little"), int.from_bytes(head[28:30], "little")
        return Picture("webp", width & 0x3FFF, height & 0x3FFF, alpha=False)
    return Picture("webp")
