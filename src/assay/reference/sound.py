"""Sound as bytes: small real WAV and MP3 files, and the length of a WAV file.

The rule of this module: the bytes are what their format says, of the duration that was asked for. A WAV file holds
a tone; an MP3 file holds silence, which is the one sound that needs no encoder.
"""

from __future__ import annotations

import math
import struct

__all__ = ["RATE", "mp3", "pcm", "wav", "wav_seconds"]

RATE = 24_000
"""Samples a second of what is made: 16 bits, one channel, little-endian, without a header in ``pcm``."""

_LOUD = 8000
_RIFF, _HEAD, _CHUNK = 12, 16, 8  # bytes of the headers of the file, of ``fmt``, and of each chunk
_PCM = 1
# MPEG-1 layer III, 32 kbit/s, 48 kHz, one channel: 96 bytes for 24 ms. Zeros after the header are silence.
_FRAME = b"\xff\xfb\x14\xc4" + bytes(92)
_FRAME_SECONDS = 0.024


def pcm(seconds: float, pitch: int) -> bytes:
    """Return a tone of so many Hertz as bare samples."""
    period = max(2, round(RATE / pitch))
    wave = struct.pack(f"<{period}h", *(round(_LOUD * math.sin(2 * math.pi * n / period)) for n in range(period)))
    size = 2 * round(RATE * seconds)
    return (wave * (size // len(wave) + 1))[:size]


def wav(samples: bytes) -> bytes:
    """Return samples as a WAV file."""
    head = struct.pack("<HHIIHH", _PCM, 1, RATE, 2 * RATE, 2, 16)
    body = b"WAVEfmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", len(body)) + body


def mp3(seconds: float) -> bytes:
    """Return silence as an MP3 file."""
    return _FRAME * math.ceil(seconds / _FRAME_SECONDS)


def wav_seconds(data: bytes) -> float | None:
    """Return how long a WAV file plays, in seconds; None for what is no WAV file."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return None
    place, rate = _RIFF, 0
    while place + _CHUNK <= len(data):
        name, size = struct.unpack_from("<4sI", data, place)
        place += _CHUNK
        if name == b"fmt " and size >= _HEAD and place + _HEAD <= len(data):
            rate = struct.unpack_from("<I", data, place + 8)[0]
        if name == b"data" and rate:
            # A file that was written as it was recorded may say more than it holds.
            return float(min(size, len(data) - place) / rate)
        place += size + size % 2
    return None
