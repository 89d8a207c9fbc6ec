"""Images and sound as bytes, made from nothing: square PNGs, with and without transparency, and files of silence.

The rule of this module: deterministic and small; the same arguments give the same bytes.
"""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

__all__ = ["SPEAKERS", "data_url", "introduced", "picture", "png", "sound", "wav"]

SPEAKERS = ("known_speaker_names", "known_speaker_references")
"""Fields of a transcription that name speakers and give samples of their voices, one of each for every speaker."""

_GREY_ALPHA, _GREY = 4, 0
_RATE, _PERIOD = 8000, 20  # samples a second, and samples of one wave: a tone of 400 Hertz
_SILENCE, _SWING = 128, 48

# The same 2 x 2 grey pixels, as no more than a library can compress.
_JPEG = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAP" + "/" * 86 + "wAALCAACAAIBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAAP/EABQQAQAAAA"
    "AAAAAAAAAAAAAAAAD/2gAIAQEAAD8AP//Z"
)  # fmt: skip
_WEBP = "UklGRh4AAABXRUJQVlA4TBEAAAAvAUAAAAdQwAIWsP+BiOh/AAA="


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


def picture(kind: str, shade: int = 128) -> bytes:
    """An image of 2 x 2 pixels as ``png`` (in a shade of grey), ``jpeg`` or ``webp``; any other kind is a PNG."""
    fixed = {"jpeg": _JPEG, "webp": _WEBP}.get(kind)
    return base64.b64decode(fixed) if fixed is not None else png(2, shade)


def sound(form: str) -> bytes:
    """A moment of sound as ``mp3``, ``opus``, ``aac``, ``flac``, ``wav`` or ``pcm``; any other form is an MP3."""
    match form:
        case "opus":
            return _opus()
        case "aac":
            return _aac()
        case "flac":
            return _flac()
        case "wav":
            return wav(0.001)
        case "pcm":
            return bytes(48)
    return _mp3()


def _mp3() -> bytes:
    """One silent frame: MPEG-1 layer III, 32 kbit/s, 44.1 kHz, one channel."""
    return b"\xff\xfb\x10\xc4".ljust(104, b"\0")


def _aac() -> bytes:
    """One silent frame of AAC-LC in ADTS, 44.1 kHz, one channel: a channel without bands, and the end."""
    return b"\xff\xf1\x50\x40\x01\x7f\xfc" + b"\0\0\0\x07"


def _flac() -> bytes:
    """A stream without frames: blocks of 4096 samples, 44.1 kHz, one channel, 16 bits a sample."""
    rate, channels, bits = 44_100, 1, 16
    form = (rate << 44) | (channels - 1 << 41) | (bits - 1 << 36)
    return b"fLaC" + b"\x80\0\0\x22" + struct.pack(">HH6xQ16x", 4096, 4096, form)


def _opus() -> bytes:
    """An Ogg stream of Opus: its two heads, and one packet of silence (20 ms)."""
    heads = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 0, 48_000, 0, 0), b"OpusTags" + struct.pack("<II", 0, 0)
    packets = ((2, 0, heads[0]), (0, 0, heads[1]), (4, 960, b"\xf8\xff\xfe"))
    return b"".join(_ogg_page(number, *packet) for number, packet in enumerate(packets))


def _ogg_page(number: int, kind: int, granule: int, packet: bytes) -> bytes:
    head = b"OggS" + struct.pack("<BBQII", 0, kind, granule, 1, number)
    sizes = bytes([1, len(packet)])
    return head + struct.pack("<I", _ogg_sum(head + bytes(4) + sizes + packet)) + sizes + packet


def _ogg_sum(data: bytes) -> int:
    """The checksum of Ogg: a CRC of 32 bits, highest bit first, that begins with 0."""
    value = 0
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x104C11DB7 if value & 0x80000000 else 0)) & 0xFFFFFFFF
    return value


def data_url(data: bytes, media_type: str = "image/png") -> str:
    """The bytes as a ``data:`` URL."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


def introduced(body: dict[str, Any]) -> dict[str, Any]:
    """A transcription request in which every speaker has a name and a sample of a voice."""
    names, samples = (body.get(name) or [] for name in SPEAKERS)
    if not isinstance(names, list) or not isinstance(samples, list):
        return body
    more = max(len(names), len(samples))
    names = [*names, *(f"Speaker {number}" for number in range(len(names), more))]
    samples = [*samples, *[data_url(wav(0), "audio/wav")] * (more - len(samples))]
    return {**body, SPEAKERS[0]: names, SPEAKERS[1]: samples}
