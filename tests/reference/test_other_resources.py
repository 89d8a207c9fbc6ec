"""What completions, embeddings, images and moderations of the reference server promise."""

from __future__ import annotations

import base64
import struct

import pytest


@pytest.mark.parametrize(
    ("prompt", "choices"), [("a", 2), (["a", "b", "c"], 6), ([1, 2], 2), ([[1], [2]], 4), ([], 2), (None, 2)]
)
@pytest.mark.parametrize("stream", [False, True])
def test_completions_answer_each_prompt_n_times(local, prompt, choices, stream) -> None:
    """There are n choices for each prompt, indexed without gaps."""
    answer = local.post("/v1/completions", {"model": "assay-text", "prompt": prompt, "n": 2, "stream": stream})
    chunks = answer if stream else [answer]
    assert {choice["index"] for chunk in chunks for choice in chunk["choices"]} == set(range(choices))


def test_completions_keep_their_limits(local) -> None:
    """The default limit is 16 tokens, zero is none at all, and the stop text never appears."""
    body = {"model": "assay-text", "prompt": "a"}
    whole = local.post("/v1/completions", {**body, "max_tokens": 500})["choices"][0]["text"]
    assert local.post("/v1/completions", body)["usage"]["completion_tokens"] <= 16
    (none,) = local.post("/v1/completions", {**body, "max_tokens": 0, "echo": True})["choices"]
    assert (none["text"], none["finish_reason"]) == ("a", "length")
    stop = whole[4:7]
    assert stop not in local.post("/v1/completions", {**body, "stop": stop})["choices"][0]["text"]
    assert local.refused("/v1/completions", {**body, "n": 3, "best_of": 2})[1]["param"] == "best_of"


@pytest.mark.parametrize(("given", "count"), [("a", 1), (["a", "b"], 2), ([1, 2, 3], 1), ([[1], [2], [3]], 3)])
@pytest.mark.parametrize("form", ["float", "base64"])
def test_embeddings_answer_each_input(local, given, count, form) -> None:
    """One vector per input, of the asked length, in the asked form."""
    body = {"model": "assay-embedding", "input": given, "dimensions": 5, "encoding_format": form}
    data = local.post("/v1/embeddings", body)["data"]
    assert [item["index"] for item in data] == list(range(count))
    vectors = [item["embedding"] for item in data]
    if form == "base64":
        vectors = [struct.unpack("<5f", base64.b64decode(text)) for text in vectors]
    assert all(sum(number * number for number in vector) == pytest.approx(1, rel=1e-5) for vector in vectors)


def test_embeddings_do_not_stretch(local) -> None:
    """More dimensions than the model has are refused."""
    status, refusal = local.refused("/v1/embeddings", {"model": "assay-embedding", "input": "a", "dimensions": 10**9})
    assert (status, refusal["param"]) == (400, "dimensions")


@pytest.mark.parametrize("model", ["assay-image", "dall-e-2"])
def test_images_come_in_the_asked_form(local, model) -> None:
    """A link by default, the image itself where asked for."""
    body = {"model": model, "prompt": "otter", "n": 2}
    assert all(set(item) == {"url"} for item in local.post("/v1/images/generations", body)["data"])
    body["response_format"] = "b64_json"
    assert all(set(item) == {"b64_json"} for item in local.post("/v1/images/generations", body)["data"])


def test_a_transparent_image_is_transparent(local) -> None:
    """What the answer says of the background is true of the bytes."""
    body = {"model": "gpt-image-1", "prompt": "otter", "background": "transparent"}
    answer = local.post("/v1/images/generations", body)
    assert answer["background"] == "transparent"
    assert b"tRNS" in base64.b64decode(answer["data"][0]["b64_json"])


@pytest.mark.parametrize("more", [{"output_format": "webp"}, {"model": "assay-image", "size": "99999x1"}])
def test_images_that_cannot_be_drawn_are_refused(local, more) -> None:
    """A format or size beyond the server is refused by name."""
    status, refusal = local.refused("/v1/images/generations", {"model": "gpt-image-1", "prompt": "otter", **more})
    assert (status, refusal["param"]) == (400, [*more][-1])


def test_moderations_without_text_judge_images_only(local) -> None:
    """A list of parts gives one result, whose input types are those that were sent."""
    part = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    (result,) = local.post("/v1/moderations", {"input": [part]})["results"]
    assert not result["flagged"]
    assert {kind for kinds in result["category_applied_input_types"].values() for kind in kinds} == {"image"}
