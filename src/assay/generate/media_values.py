"""Images and sound as bytes, made from nothing: images of one shade, square PNGs, and files of silence.

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

# 2 x 2 grey pixels, as no more than a library can compress.
_JPEG = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAP" + "/" * 86 + "wAALCAACAAIBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAAP/EABQQAQAAAA"
    "AAAAAAAAAAAAAAAAD/2gAIAQEAAD8AP//Z"
)  # fmt: skip
_WEBP = "UklGRh4AAABXRUJQVlA4TBEAAAAvAUAAAAdQwAIWsP+BiOh/AAA="


def png(side: int = 8, shade: int = 128, *, transparent: bool = False) -> bytes:
    """A square PNG of ``side`` x ``side`` pixels in one shade of grey (0 to 255); transparent on its left half."""
    if not transparent:
        return _grey(side, side, shade)
    pixels = bytes([shade, 0]) * (side // 2) + bytes([shade, 255]) * (side - side // 2)
    return _png(struct.pack(">IIBB", side, side, 8, _GREY_ALPHA), (b"\x00" + pixels) * side)


def _grey(width: int, height: int, shade: int) -> bytes:
    return _png(struct.pack(">IIBB", width, height, 8, _GREY), (b"\x00" + bytes([shade]) * width) * height)


def _png(head: bytes, rows: bytes) -> bytes:
    chunks = ((b"IHDR", head + bytes(3)), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
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


def picture(kind: str, shade: int = 128, size: tuple[int, int] = (2, 2)) -> bytes:
    """An image of one shade as ``png``, ``jpeg`` or ``webp`` (these in one grey); any other kind is a PNG.

    ``size`` is width and height in pixels, at most 16384 each.
    """
    width, height = size
    if kind == "jpeg":
        return _jpeg(width, height)
    if kind == "webp":
        return _webp(width, height)
    return _grey(width, height, shade)


def _jpeg(width: int, height: int) -> bytes:
    """The fixed JPEG in another size: its codes are one bit long, so that a block of 8 x 8 pixels is two zeros."""
    fixed = base64.b64decode(_JPEG)
    frame = fixed.index(b"\xff\xc0") + 5
    bits = 2 * -(-width // 8) * -(-height // 8)
    scan = bytes(bits // 8) + (bytes([0xFF >> bits % 8]) if bits % 8 else b"")
    return fixed[:frame] + struct.pack(">HH", height, width) + fixed[frame + 4 : -3] + scan + fixed[-2:]


def _webp(width: int, height: int) -> bytes:
    """The fixed WebP in another size: its one colour costs no bit for a pixel."""
    fixed = base64.b64decode(_WEBP)
    flags = struct.unpack_from("<I", fixed, 21)[0] >> 28
    return fixed[:21] + struct.pack("<I", width - 1 | height - 1 << 14 | flags << 28) + fixed[25:]


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
