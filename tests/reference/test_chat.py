"""What the reference server's chat promises: limits, stops, tools, forms of answer, log probabilities, usage."""

from __future__ import annotations

import json

import pytest

CHAT = "/v1/chat/completions"
HI = {"model": "assay-chat", "messages": [{"role": "user", "content": "hello"}]}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [
    {"type": "function", "function": {"name": "one", "parameters": CITY}},
    {"type": "function", "function": {"name": "two"}},
    {"type": "custom", "custom": {"name": "three"}},
]


def joined(chunks) -> dict[int, str]:
    """Join the text of a stream's choices."""
    texts: dict[int, str] = {}
    for chunk in chunks:
        for choice in chunk["choices"]:
            texts[choice["index"]] = texts.get(choice["index"], "") + (choice["delta"].get("content") or "")
    return texts


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("limit", [1, 3, 1000])
def test_token_limits_cut_the_text(local, field, limit) -> None:
    """A limit gives a prefix of the unlimited text, its length in tokens, and finish_reason length."""
    whole = local.post(CHAT, HI)["choices"][0]["message"]["content"]
    answer = local.post(CHAT, {**HI, field: limit})
    (choice,) = answer["choices"]
    assert whole.startswith(choice["message"]["content"])
    if limit == 1000:
        assert (choice["finish_reason"], choice["message"]["content"]) == ("stop", whole)
    else:
        assert choice["finish_reason"] == "length"
        assert answer["usage"]["completion_tokens"] == limit


def test_stop_texts_never_appear(local) -> None:
    """Generation ends before the first of the stop texts, also inside a word and across chunks."""
    whole = local.post(CHAT, HI)["choices"][0]["message"]["content"]
    stop = whole[8:11]
    body = {**HI, "stop": ["never there", stop, ""]}
    (choice,) = local.post(CHAT, body)["choices"]
    assert choice["message"]["content"] == whole[: whole.index(stop)]
    assert choice["finish_reason"] == "stop"
    assert joined(local.post(CHAT, {**body, "stream": True})) == {0: choice["message"]["content"]}


def test_n_choices_have_their_own_text_and_order(local) -> None:
    """Choice 0 does not depend on n, and every index comes once."""
    alone = local.post(CHAT, HI)["choices"]
    several = local.post(CHAT, {**HI, "n": 3})
    assert several["choices"][0] == alone[0]
    assert [choice["index"] for choice in several["choices"]] == [0, 1, 2]
    usage = several["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_logprobs_spell_the_text(local) -> None:
    """The tokens of the log probabilities joined are the text, with as many alternatives as asked for."""
    body = {**HI, "logprobs": True, "top_logprobs": 3}
    (choice,) = local.post(CHAT, body)["choices"]
    tokens = choice["logprobs"]["content"]
    assert "".join(token["token"] for token in tokens) == choice["message"]["content"]
    assert {len(token["top_logprobs"]) for token in tokens} == {3}
    streamed = [
        token
        for chunk in local.post(CHAT, {**body, "stream": True})
        for part in chunk["choices"]
        for token in (part["logprobs"] or {"content": []})["content"]
    ]
    assert streamed == tokens


@pytest.mark.parametrize(
    ("choice", "parallel", "names"),
    [
        (None, None, ["one", "two"]),
        ("auto", True, ["one", "two"]),
        ("auto", False, ["one"]),
        ("none", None, []),
        ("required", None, ["one", "two"]),
        ({"type": "function", "function": {"name": "two"}}, None, ["two"]),
        ({"type": "custom", "custom": {"name": "three"}}, None, ["three"]),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "custom", "custom": {"name": "three"}}]},
            },
            None,
            ["three"],
        ),
    ],
)
def test_tools_are_called_as_asked(local, choice, parallel, names) -> None:
    """The tools that are called are those that the request asks for, streamed or not."""
    body = {**HI, "tools": TOOLS}
    body |= {} if choice is None else {"tool_choice": choice}
    body |= {} if parallel is None else {"parallel_tool_calls": parallel}
    (said,) = local.post(CHAT, body)["choices"]
    calls = said["message"].get("tool_calls", [])
    assert [call[call["type"]]["name"] for call in calls] == names
    assert said["finish_reason"] == ("tool_calls" if names else "stop")
    assert len({call["id"] for call in calls}) == len(calls)
    pieces: dict[int, str] = {}
    for chunk in local.post(CHAT, {**body, "stream": True}):
        for delta in chunk["choices"][0]["delta"].get("tool_calls", []):
            inner = delta.get("function", delta.get("custom"))
            pieces[delta["index"]] = pieces.get(delta["index"], "") + inner.get("arguments", inner.get("input", ""))
    assert list(pieces.values()) == [
        call[call["type"]].get("arguments", call[call["type"]].get("input")) for call in calls
    ]


def test_calls_are_cut_by_the_limit_too(local) -> None:
    """A limit inside the arguments ends them there, with finish_reason length."""
    answer = local.post(CHAT, {**HI, "tools": TOOLS, "max_completion_tokens": 2})
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 2


def test_the_older_functions_work(local) -> None:
    """A deprecated function is called in the deprecated shape, streamed or not."""
    body = {**HI, "functions": [{"name": "one", "parameters": CITY}]}
    (said,) = local.post(CHAT, body)["choices"]
    assert said["finish_reason"] == "function_call"
    assert set(json.loads(said["message"]["function_call"]["arguments"])) == {"city"}
    deltas = [c["choices"][0]["delta"].get("function_call", {}) for c in local.post(CHAT, {**body, "stream": True})]
    assert "".join(delta.get("arguments", "") for delta in deltas) == said["message"]["function_call"]["arguments"]
    assert local.post(CHAT, {**body, "function_call": "none"})["choices"][0]["finish_reason"] == "stop"
    assert local.refused(CHAT, {**body, "function_call": {"name": "x"}})[1]["param"] == "function_call.name"


def test_json_mode_gives_json(local) -> None:
    """A JSON object comes where one is asked for, and a value of the schema where there is one."""
    answer = local.post(CHAT, {**HI, "response_format": {"type": "json_object"}})
    assert isinstance(json.loads(answer["choices"][0]["message"]["content"]), dict)
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": CITY}}
    answer = local.post(CHAT, {**HI, "response_format": form})
    assert set(json.loads(answer["choices"][0]["message"]["content"])) == {"city"}


def test_usage_is_sent_last_and_only_when_asked_for(local) -> None:
    """The usage chunk has no choices and equals the usage of the whole response."""
    chunks = local.post(CHAT, {**HI, "stream": True, "stream_options": {"include_usage": True}})
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"] == local.post(CHAT, HI)["usage"]
    assert all(chunk["usage"] is None for chunk in chunks[:-1])
    assert all("usage" not in chunk for chunk in local.post(CHAT, {**HI, "stream": True}))


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"modalities": ["audio"], "audio": {"voice": "alloy", "format": "wav"}}, "modalities"),
        (
            {"tools": TOOLS[:1], "tool_choice": {"type": "function", "function": {"name": "x"}}},
            "tool_choice.function.name",
        ),
        (
            {
                "tools": [
                    {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "required": 1}}}
                ]
            },
            "tools[0].function.parameters",
        ),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "a", "schema": {"$ref": "https://a.b/c"}},
                }
            },
            "response_format.json_schema.schema",
        ),
    ],
)
def test_what_it_cannot_do_it_says(local, more, param) -> None:
    """A feature that is not there is refused by name; a schema is never fetched."""
    status, refusal = local.refused(CHAT, {**HI, **more})
    assert (status, refusal["param"]) == (400, param)


@pytest.mark.parametrize(
    ("asked", "told"), [(None, "default"), ("auto", "default"), ("fast", "priority"), ("flex", "flex")]
)
def test_the_tier_is_told(local, asked, told) -> None:
    """The response names the tier that served it."""
    assert local.post(CHAT, {**HI, "service_tier": asked})["service_tier"] == told
