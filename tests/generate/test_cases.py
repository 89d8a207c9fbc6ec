"""Cases for whole operations: valid ones hold in the contract, invalid ones break what their label says."""

from __future__ import annotations

import io
import json
import wave
import zlib
from collections import Counter
from itertools import combinations

import pytest
from hypothesis import Phase, given, settings

from assay.contract import load
from assay.generate.cases import CaseMaker, cases
from assay.generate.dials import DIALS, Dials
from assay.generate.media_values import picture, png, wav
from assay.wire.signatures import picture as read_head

CONTRACT = load("openai")
OPERATIONS = {operation.id: operation for operation in CONTRACT.operations}
# Any path segment is the name of something: where there is nothing else, there is nothing to break.
UNBREAKABLE = {
    name
    for name, operation in OPERATIONS.items()
    if operation.body is None and all(parameter.location == "path" for parameter in operation.parameters)
}


def drawn(name: str, count: int, dials: Dials = DIALS, *, valid: bool = True) -> list:
    """Draw some cases of an operation."""
    seen: list = []
    strategy = cases(CONTRACT.api, CONTRACT.schemas, OPERATIONS[name], dials, valid=valid)

    @settings(max_examples=count, database=None, deadline=2000, derandomize=True, phases=[Phase.generate])
    @given(strategy)
    def collect(case) -> None:
        seen.append(case)

    collect()
    return seen


def broken(verdict) -> list:
    """What a verdict tells, hazards left out: what is legal and unwise may be drawn."""
    return [violation for violation in verdict.violations if violation.severity == "violation"]


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_valid_cases_pass_the_contract(name: str) -> None:
    """The contract, rules and all, finds nothing in a valid case and routes it to its operation."""
    found = drawn(name, 40)
    assert found
    for case in found:
        verdict = CONTRACT.check_request(case.request)
        assert (verdict.operation, broken(verdict)) == (name, []), case.label


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - UNBREAKABLE))
def test_invalid_cases_fail_the_contract(name: str) -> None:
    """The contract refuses every invalid case, most of them for exactly one violation."""
    verdicts = [CONTRACT.check_request(case.request) for case in drawn(name, 40, valid=False)]
    assert verdicts
    assert all(verdict.violations for verdict in verdicts)
    assert sum(len(verdict.violations) == 1 for verdict in verdicts) >= 0.8 * len(verdicts)


@pytest.mark.parametrize("name", sorted(UNBREAKABLE & set(OPERATIONS)))
def test_what_cannot_be_broken_has_no_invalid_cases(name: str) -> None:
    """An operation that takes anything gives no invalid case instead of a wrong one."""
    assert cases(CONTRACT.api, CONTRACT.schemas, OPERATIONS[name], valid=False).is_empty


def test_features_of_chat_come_at_the_set_rate() -> None:
    """Each feature is used in the set share of the cases, two of them in its square: 5 points are 5 standard errors."""
    found = [{*case.features} for case in drawn("createChatCompletion", 2000)]
    features = ("stream", "tools", "n", "logprobs", "response_format", "stop", "vision")
    for feature in features:
        assert abs(sum(feature in one for one in found) / len(found) - DIALS.feature) <= 0.05, feature
    for pair in combinations(features, 2):
        assert abs(sum({*pair} <= one for one in found) / len(found) - DIALS.feature**2) <= 0.05, pair


STREAMED = [
    name
    for name, operation in OPERATIONS.items()
    if any("stream" in body.declared for body in CaseMaker(CONTRACT.schemas, operation).bodies)
]


@pytest.mark.parametrize("name", STREAMED)
def test_streams_are_asked_for_at_the_set_rate(name: str) -> None:
    """Every operation that can stream is asked to in the set share of its requests, whatever their media type."""
    asked = [
        _read(case.request).get("stream") is True or b'name="stream"\r\n\r\ntrue' in case.request.body
        for case in drawn(name, 700)
    ]
    assert abs(sum(asked) / len(asked) - DIALS.feature) <= 0.06


def test_the_operations_that_stream_are_found() -> None:
    """No operation that can stream is left out of the test above."""
    assert {"createChatCompletion", "createImageEdit", "createTranscription", "createRun"} <= {*STREAMED}
    assert len(STREAMED) >= 9


def _read(request) -> dict:
    return json.loads(request.body) if "json" in request.headers.content_type else {}


def test_chat_cases_make_sense() -> None:
    """Tool messages answer earlier calls, limits are small, and the model is one that the target serves."""
    answered = 0
    for case in drawn("createChatCompletion", 200, Dials(models=("otter-1", "otter-2"), feature=0.6)):
        body = json.loads(case.request.body)
        assert body["model"] in ("otter-1", "otter-2")
        assert max(body.get("max_tokens") or 1, body.get("max_completion_tokens") or 1) <= DIALS.tokens
        called: set = set()
        for message in body["messages"]:
            called |= {call["id"] for call in message.get("tool_calls") or ()}
            if message["role"] == "tool":
                assert message["tool_call_id"] in called
                answered += 1
    assert answered


def test_response_cases_make_sense() -> None:
    """In the input of a response every output answers a call before it, of a function that is offered."""
    answered = pictures = 0
    for case in drawn("createResponse", 200, Dials(feature=0.6)):
        body = json.loads(case.request.body)
        offered = {tool.get("name") for tool in body.get("tools") or ()}
        called: set = set()
        for item in body["input"] if isinstance(body["input"], list) else ():
            if item.get("type") == "function_call":
                assert item["name"] in offered
                called.add(item["call_id"])
            if item.get("type") == "function_call_output":
                assert item["call_id"] in called
                answered += 1
            pictures += isinstance(item.get("content"), list)
    assert answered >= 20
    assert pictures >= 20


def test_images_are_square_pngs() -> None:
    """The image has the promised size, its chunks carry right checksums, and a mask has transparency."""
    for transparent, colour in ((False, 0), (True, 4)):
        data = png(8, 200, transparent=transparent)
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        assert (data[16:20], data[20:24], data[25]) == (b"\0\0\0\x08", b"\0\0\0\x08", colour)
        assert int.from_bytes(data[29:33], "big") == zlib.crc32(data[12:29])


@pytest.mark.parametrize("size", [(2, 2), (7, 999), (1536, 1024)])
def test_pictures_have_the_size_that_was_asked_for(size) -> None:
    """The head of an image of every kind tells its kind and size, and the pixels of a PNG are as many."""
    for kind in ("png", "jpeg", "webp"):
        found = read_head(picture(kind, 7, size))
        assert found is not None
        assert (found.kind, found.width, found.height) == (kind, *size)
    data = picture("png", 7, size)
    assert zlib.decompress(data[41:-16]) == (b"\0" + b"\7" * size[0]) * size[1]


@pytest.mark.parametrize("seconds", [0.1, 0.500125, 1])
def test_recordings_are_wav_files(seconds) -> None:
    """The recording is read by Python's own library, with the promised length."""
    with wave.open(io.BytesIO(wav(seconds))) as tone:
        assert (tone.getframerate(), tone.getnframes()) == (8000, round(8000 * seconds))


def test_forms_carry_files_that_fit() -> None:
    """A transcription is sent a recording, an image edit images, one or several, and never text in their place."""
    parts = Counter()
    for name in ("createTranscription", "createTranslation", "createImageEdit", "createImageVariation", "createFile"):
        for case in drawn(name, 60):
            body = case.request.body
            parts[name, "wav"] += b"RIFF" in body
            parts[name, "png"] += b"\x89PNG" in body
            parts[name, "several"] += body.count(b'name="image[]"; filename=') > 1
            assert b"; filename=" in body or case.request.headers.get("content-type") == "application/json"
    assert parts["createTranscription", "wav"] == parts["createTranslation", "wav"] == 60
    assert parts["createImageVariation", "png"] == 60
    assert parts["createImageEdit", "png"] >= 20
    assert parts["createImageEdit", "several"] >= 2
    assert not parts["createFile", "wav"]
