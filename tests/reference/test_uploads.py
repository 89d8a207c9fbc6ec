"""What the reference server does with forms, files and audio beyond what the official client asks of it."""

from __future__ import annotations

import io
import json
import struct
import wave

import pytest

from assay.reference.clock import NOW
from assay.reference.server import application
from assay.reference.sound import RATE, mp3, pcm, wav, wav_seconds
from assay.reference.store import Kept, Store
from assay.wire.multipart import FilePart, write_multipart

FORM = {"content-type": "multipart/form-data; boundary=otter"}


def form(fields, *files) -> bytes:
    """Write a form of fields and (name, file name, data)."""
    return write_multipart(fields, [FilePart(name, filename, "", data) for name, filename, data in files], "otter")


def upload(local, data, **fields):
    """Upload a file and return what the server says of it."""
    body = form({"purpose": "user_data", **fields}, ("file", "a.bin", data))
    response = local.send("POST", "/v1/files", body, FORM)
    assert response.status == 200, response.body
    return json.loads(response.body)


@pytest.mark.parametrize("data", [b"", b"\r\n", bytes(range(256)), b"\r\n--otte\r\n--\r\n", b"x" * 100_000])
def test_files_come_back_as_they_were_sent(local, data) -> None:
    """The content is the same byte for byte, whatever it holds."""
    kept = upload(local, data)
    response = local.send("GET", f"/v1/files/{kept['id']}/content")
    assert (response.body, kept["bytes"]) == (data, len(data))
    assert response.headers.get("content-type") == "application/octet-stream"


def test_expired_files_are_gone(local, contract) -> None:
    """A file lives until its time has come, and not a second longer."""
    now = NOW
    local.app = application(judge=contract, clock=lambda: now)
    kept = upload(local, b"a", expires_after={"anchor": "created_at", "seconds": 3600})
    for later, status in ((3599, 200), (3600, 404)):
        now = NOW + later
        assert local.send("GET", f"/v1/files/{kept['id']}").status == status


def test_the_store_has_bounds() -> None:
    """What does not fit is not kept; what was removed makes room."""
    store = Store(room=3)
    first, second = (Kept(name, name, "batch", b"ab", 0, None, 0) for name in "xy")
    assert store.add(first, 0)
    assert not store.add(second, 0)
    store.remove("x")
    assert store.add(second, 0)


@pytest.mark.parametrize("target", ["/v1/files/a%2Fcontent", "/v1/files/a%2Fcontent/content", "/v1/models/a%2Fb"])
def test_an_encoded_slash_is_part_of_a_name(local, target) -> None:
    """A name with an encoded slash in it is a name that is not known, not another path."""
    response = local.send("GET", target)
    assert response.status == 404
    assert json.loads(response.body)["error"]["code"] != "unknown_url"


@pytest.mark.parametrize("path", ["/v1/files", "/v1/audio/transcriptions", "/v1/images/variations"])
def test_forms_are_not_json(local, path) -> None:
    """An operation that reads forms says so to JSON; a broken form is refused."""
    assert local.send("POST", path, {"model": "assay-audio"}).status == 415
    status, error = 400, "invalid_form"
    response = local.send("POST", path, b"--otter\r\n", FORM)
    assert (response.status, json.loads(response.body)["error"]["code"]) == (status, error)


def test_text_is_no_file(local) -> None:
    """A text field in place of a file is refused by its name."""
    fields = {"file": "text", "image": "text", "model": "assay-audio", "purpose": "batch", "prompt": "a"}
    for path, names in (("files", ("file", "purpose")), ("images/edits", ("image", "prompt"))):
        response = local.send("POST", f"/v1/{path}", form({name: fields[name] for name in names}), FORM)
        assert json.loads(response.body)["error"]["param"] == names[0]
        assert response.status == 400


def test_images_may_be_given_by_reference(local) -> None:
    """An edit in JSON takes uploaded files and data URLs; it fetches nothing, and knows what is no image."""
    body = {"model": "gpt-image-1", "prompt": "otter"}
    kept = upload(local, b"\xff\xd8\xff\xe0")["id"]
    local.post("/v1/images/edits", {**body, "images": [{"file_id": kept}]})
    local.post("/v1/images/edits", {**body, "images": [{"image_url": "data:image/png;base64,iVBORw0KGgo="}]})
    wrong = [{"file_id": "nobody"}, {"file_id": upload(local, b"text")["id"]}, {"image_url": "https://a.b/c.png"},
             {"image_url": "data:image/png;base64,!"}]  # fmt: skip
    statuses = [local.refused("/v1/images/edits", {**body, "images": [image]})[0] for image in wrong]
    assert statuses == [404, 400, 400, 400]


@pytest.mark.parametrize("data", [b"", b"ID3", wav(b"")[:20], b"RIFF\0\0\0\0WAVEdata\4\0\0\0abcd"])
def test_what_is_no_recording_is_refused(local, data) -> None:
    """Only a WAV file can be measured, and so written down."""
    body = form({"model": "assay-audio"}, ("file", "a.wav", data))
    response = local.send("POST", "/v1/audio/transcriptions", body, FORM)
    assert (response.status, json.loads(response.body)["error"]["param"]) == (400, "file")


@pytest.mark.parametrize("seconds", [0, 0.01, 1, 2.5])
def test_sound_has_the_length_it_says(seconds) -> None:
    """The library of Python reads our WAV files, and we read their length; MP3 frames follow each other."""
    with wave.open(io.BytesIO(wav(pcm(seconds, 440)))) as tone:
        assert tone.getnframes() == round(seconds * RATE)
    assert wav_seconds(wav(pcm(seconds, 440))) == pytest.approx(seconds)
    frames = mp3(seconds)
    assert len(frames) % 96 == 0
    assert all(struct.unpack_from(">I", frames, at)[0] == 0xFFFB14C4 for at in range(0, len(frames), 96))
