"""Images and sound as bytes, made from nothing: square PNGs, with and without transparency, and WAV files.

The rule of this module: deterministic and small; the same arguments give the same bytes.
"""

from __future__ import annotations

import base64
import struct
import zlib

__all__ = ["data_url", "png", "wav"]

_GREY_ALPHA, _GREY = 4, 0
_RATE, _PERIOD = 8000, 20  # samples a second, and samples of one wave: a tone of 400 Hertz
_SILENCE, _SWING = 128, 48


def png(side: int = 8, shade: int = 128, *, transparent: bool = False) -> bytes:
    """A square PNG of ``side`` x ``side`` pixels in one shade of grey (0 to 255); transparent on its left half."""
    pixels = bytes([shade, 0]) * (side // 2) + bytes([shade, 255]) * (side - side // 2)
    row = b"\x00" + (pixels if transparent else bytes([shade]) * side)
    head = struct.pack(">IIBBBBB", side, side, 8, _GREY_ALPHA if transparent else _GREY, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(row * side, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def wav(seconds: float = 0.5) -> bytes:
    """A WAV file of one channel, 8 bits a sample, that plays a tone for so many seconds."""
    wave = bytes([_SILENCE + _SWING] * (_PERIOD // 2) + [_SILENCE - _SWING] * (_PERIOD // 2))
    count = round(_RATE * seconds)
    samples = (wave * (count // _PERIOD + 1))[:count]
    head = struct.pack("<HHIIHH", 1, 1, _RATE, _RATE, 1, 8)
    body = b"WAVEfmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", count) + samples
    padding = bytes(count % 2)
    return b"RIFF" + struct.pack("<I", len(body) + len(padding)) + body + padding


def data_url(data: bytes, media_type: str = "image/png") -> str:
    """The bytes as a ``data:`` URL."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"
