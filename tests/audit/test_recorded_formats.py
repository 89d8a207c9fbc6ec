"""The formats of recorded traffic, each recognised by content, packed or not; what is broken in them is counted."""

from __future__ import annotations

import gzip
import json

import pytest
import zstandard
from recorded_exchange import CAME, SENT, URL, exchange

from assay.audit.engine import Alone, audited
from assay.audit.opening import listed, shown
from assay.audit.plan import tasks
from assay.audit.summary import document
from assay.audit.work import Settings
from assay.errors import UsageError

WRONG = {**SENT, "temperature": 3}
PAYLOAD = {
    "id": "1",
    "call_type": "acompletion",
    "stream": True,
    "status": "success",
    "startTime": 1760000000.5,
    "endTime": 1760000001.5,
    "model": "m",
    "api_base": "https://api.openai.com/v1/",
    "messages": SENT["messages"],
    "model_parameters": {"stream": True, "temperature": 1},
    "response": CAME,
    "error_information": {},
}


@pytest.fixture
def told(tmp_path):
    """Write files by name (bytes, or values to become lines of JSON), audit the folder; return the JSON document."""

    def run(files, *, form="", chunk=1 << 23, **settings):
        for name, content in files.items():
            data = content if isinstance(content, bytes) else "".join(f"{json.dumps(v)}\n" for v in content).encode()
            (tmp_path / name).write_bytes(data)
        found = tasks(listed([str(tmp_path)]), form, chunk)
        ledger = audited(Alone(Settings(**settings)), found, 5)
        return document(ledger, {"description": "d", "layers": ["compat"], "sources": []}, {})

    return run


def counts(value):
    """Exchanges, wrong ones, and unread entries."""
    return value["exchanges"], value["wrong"], value["unread"]["count"]


def archive(*sent):
    """An HTTP archive of requests with these bodies, each answered."""
    json_type = [{"name": "content-type", "value": "application/json"}]
    entries = [
        {
            "startedDateTime": "2026-01-02T03:04:05Z",
            "request": {
                "method": "POST", "url": URL, "headers": json_type,
                "postData": {"mimeType": "application/json", "text": json.dumps(body)},
            },
            "response": {"status": 200, "headers": json_type, "content": {"text": json.dumps(CAME)}},
        }
        for body in sent
    ]  # fmt: skip
    return json.dumps({"log": {"entries": entries}}).encode()


def test_each_format_is_recognised_by_content(told) -> None:
    """Whatever its name, a file is read by what is in it; what is no traffic is told of."""
    value = told({
        "a": [exchange(), exchange(sent=WRONG)],
        "b": archive(SENT, WRONG),
        "c": [PAYLOAD, {**PAYLOAD, "model_parameters": {"temperature": 3}}],
        "d": b"interactions:\n- request: {method: GET, uri: 'https://api.openai.com/v1/models/m'}\n",
        "e": b"# Notes\n",
        "f": json.dumps(PAYLOAD, indent=2).encode(),
        "g": json.dumps([PAYLOAD, PAYLOAD]).encode(),
        "h": b"",
    })  # fmt: skip
    assert counts(value) == (10, 3, 2)
    assert [item["file"].rpartition("/")[2] for item in value["unread"]["first"]] == ["e", "h"]
    assert value["causes"][0]["by"]["day"].keys() == {"2025-10-09", "2026-01-02"}


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_compressed_files_are_read_as_plain_ones(told, pack) -> None:
    """Several formats of packing, several members one after the other, around lines and around an archive."""
    lines = json.dumps(exchange()).encode() + b"\n"
    value = told({"a": pack(lines * 2) + pack(lines), "b": pack(archive(WRONG))})
    assert counts(value) == (4, 1, 0)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_a_member_that_is_cut_off_is_counted_where_it_ends(told, pack) -> None:
    """What came before the damage is judged, the damage has a line, and other files are read."""
    lines = "".join(json.dumps(exchange(sent={"user": f"{n * 7919 % 4001:05x}" * 9})) + "\n" for n in range(900))
    whole = pack(lines.encode())
    value = told({"a": whole[: len(whole) // 2], "b": [exchange()]})
    exchanges, wrong, unread = counts(value)
    assert 50 < exchanges < 900
    assert (wrong, unread) == (0, 1)
    assert value["unread"]["first"][0]["line"] == exchanges
    assert "cut off or damaged" in value["unread"]["first"][0]["reason"]


def test_an_archive_is_judged_up_to_where_it_is_cut_off(told) -> None:
    """The entries of an archive are read one by one, so that those before the damage count."""
    whole = archive(SENT, WRONG, SENT, SENT)
    value = told({"a": whole[: len(whole) * 3 // 4 - 100]})
    assert counts(value) == (2, 1, 1)
    assert value["unread"]["reasons"] == {"the archive is cut off or damaged": 1}


def test_damage_of_every_kind_stops_nothing(told) -> None:
    """Broken lines, foreign objects, damaged files of every form, and traffic of others stand in the counts."""
    good = json.dumps(exchange()).encode() + b"\n"
    value = told({
        "a": good + b"{\n" + b"\xff\xfe\n" + b'{"x": 1}\n' + b"[" * 100_000 + b"\n" + b"null\n\n" + good,
        "b": b"PAR1 and nothing else",
        "c": b"\x1f\x8b\x08garbage",
        "d": b"\x28\xb5\x2f\xfdgarbage",
        "e": b'{"log": {"entries": [3, {"request": {}}]}}',
        "f": b"\x00\x01\x02",
        "g": b"- a: [",
        "h": [PAYLOAD, {**PAYLOAD, "call_type": "arerank"}, {**PAYLOAD, "model_parameters": 3}],
        "i": [exchange(path="/v1/other/thing")],
    })  # fmt: skip
    assert counts(value)[:2] == (4, 0)
    assert value["unread"]["count"] == 5 + 1 + 1 + 1 + 2 + 1 + 1 + 2
    assert value["not_in_description"] == {"POST api.openai.com/v1/other/thing": 1}
    assert len(value["unread"]["first"]) == value["unread"]["count"]


def test_a_payload_of_litellm_is_the_exchange_of_its_client(told) -> None:
    """Calls of every kind become requests; what LiteLLM did not keep is skipped and never judged."""
    embedding = {
        **PAYLOAD, "call_type": "aembedding", "messages": ["Hi"], "model_parameters": {"dimensions": 2},
        "response": {"object": "list", "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1},
                     "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.5]}]},
    }  # fmt: skip
    redacted = {
        **PAYLOAD,
        "messages": [{"role": "user", "content": "redacted-by-litellm"}],
        "response": {"text": "redacted-by-litellm"},
    }
    failed = {**PAYLOAD, "status": "failure", "response": None, "error_information": {"error_code": "429"}}
    upload = {**PAYLOAD, "call_type": "atranscription", "model_parameters": {}, "response": {"text": "Hi"}}
    few = {**embedding, "messages": ["Hi", "Ho"]}
    value = told({"a": [PAYLOAD, embedding, redacted, failed, upload, few]})
    assert counts(value) == (6, 1, 0)
    assert value["causes"][0]["examples"][0]["line"] == 6
    assert value["by"]["status"]["429"]["exchanges"] == 1
    assert value["by"]["host"]["api.openai.com"]["exchanges"] == 6
    assert value["skipped"]["request: its messages were redacted"] == 1
    assert value["skipped"]["request: its upload was not recorded"] == 1
    assert value["by"]["day"].keys() == {"2025-10-09"}


def batch(name, *, body=SENT):
    """A line of a batch's input file."""
    return {"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": body}


def answer(name, *, body=CAME, status=200):
    """A line of a batch's output file."""
    return {
        "id": "b",
        "custom_id": name,
        "response": {"status_code": status, "request_id": "r", "body": body},
        "error": None,
    }


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_each_output_line_of_a_batch_is_judged_against_its_input_line(told, pack) -> None:
    """Lines are joined by name in whatever order; an answer that fits another request is wrong, at its own line."""
    inputs = [batch("one"), batch("two", body={**SENT, "n": 2}), batch("three", body=WRONG), batch("none")]
    outputs = [answer("three"), answer("two"), answer("one"), answer("strange")]
    packed = {name: pack("".join(f"{json.dumps(v)}\n" for v in lines).encode())
              for name, lines in (("in.jsonl", inputs), ("out.jsonl", outputs))}  # fmt: skip
    value = told(packed)
    assert counts(value) == (4, 2, 1)
    causes = {cause["rule"]: cause["examples"][0] for cause in value["causes"]}
    assert (causes["chat/choices-count"]["file"][-9:], causes["chat/choices-count"]["line"]) == ("out.jsonl", 2)
    assert (causes["schema/maximum"]["file"][-8:], causes["schema/maximum"]["line"]) == ("in.jsonl", 3)
    assert value["skipped"] == {"response: no response was recorded": 1}
    assert value["unread"]["first"][0]["line"] == 4


def test_batches_are_told_apart_by_the_names_in_them(told) -> None:
    """Of several batches each output goes with its own input; one that would fit two goes with none."""
    two = {**SENT, "n": 2}
    refused = {"error": {"message": "m", "type": "t", "param": None, "code": None}}
    value = told({
        "a1.jsonl": [batch("a-1"), batch("a-2")],
        "a2.jsonl": [answer("a-2"), answer("a-1")],
        "b1.jsonl": [batch("b-1", body=two), batch("b-2", body=two)],
        "b2.jsonl": [answer("b-1", body={**CAME, "choices": []})],
        "b3.jsonl": [answer("b-2", status=400, body=refused)],
    })  # fmt: skip
    assert value["exchanges"] == 4
    assert value["unread"]["count"] == 0
    assert value["by"]["status"]["200"]["exchanges"] == 3
    assert value["by"]["status"]["400"] == {**value["by"]["status"]["400"], "exchanges": 1, "wrong": 0}
    lonely = told({
        "a1.jsonl": [batch("1")], "b1.jsonl": [batch("1", body=two)], "x.jsonl": [answer("1")],
        "a2.jsonl": b"", "b2.jsonl": b"", "b3.jsonl": b"",
    })  # fmt: skip
    assert lonely["exchanges"] == 2
    assert "no input file of its batch is among the sources" in lonely["unread"]["reasons"]


def test_fine_tuning_files_are_judged_by_their_form(told) -> None:
    """Chat, completion and preference examples, honest and broken."""
    user = {"role": "user", "content": "Hi"}
    assistant = {"role": "assistant", "content": "Ho", "weight": 0}
    value = told({
        "chat": [{"messages": [user, assistant]}, {"messages": []}, {"messages": [user, {**assistant, "weight": 7}]}],
        "completion": [{"prompt": "a", "completion": "b"}, {"prompt": "a", "completion": 3}],
        "preference": [
            {"input": {"messages": [user]}, "preferred_output": [assistant], "non_preferred_output": [assistant]},
            {"input": {"messages": [user]}, "preferred_output": [assistant] * 2, "non_preferred_output": [assistant]},
            {"nothing": 1},
        ],
    })  # fmt: skip
    assert counts(value) == (7, 4, 1)
    wrong = {name: count["wrong"] for name, count in value["by"]["operation"].items()}
    assert wrong == {"fine-tuning/chat": 2, "fine-tuning/completion": 1, "fine-tuning/preference": 1}


def test_parquet_columns_are_mapped(told, tmp_path) -> None:
    """Rows are exchanges under their own names or mapped ones, whichever row group they stand in."""
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import parquet  # noqa: PLC0415

    rows = [exchange(sent=WRONG if number % 4 == 0 else None) for number in range(40)]
    table = [
        {"verb": row["method"], "url": URL, "request_headers": json.dumps(row["request_headers"]),
         "request_body": row["request_body"].encode(), "status": row["status"],
         "response_headers": [("content-type", "application/json")], "response_body": row["response_body"],
         "time": 1_760_000_000_000, "more": "x"}
        for row in rows
    ]  # fmt: skip
    fields = pa.map_(pa.string(), pa.string())
    schema = pa.Table.from_pylist(table[:1]).schema
    schema = schema.set(schema.get_field_index("response_headers"), pa.field("response_headers", fields))
    parquet.write_table(pa.Table.from_pylist(table, schema=schema), tmp_path / "t.parquet", row_group_size=7)
    value = told({}, columns={"method": "verb"})
    assert counts(value) == (40, 10, 0)
    assert [seen["entry"] for seen in value["causes"][0]["examples"]] == [0, 4, 8, 12, 16]
    assert told({}, columns={"method": "verb"}, chunk=1000) == value
    assert counts(told({})) == (0, 0, 40)


def test_a_named_format_overrides_what_the_content_shows(told) -> None:
    """With a format given, every file is read by it."""
    assert counts(told({"a": [exchange(), PAYLOAD]})) == (1, 0, 1)
    assert counts(told({"a": [exchange(), PAYLOAD]}, form="litellm")) == (1, 0, 1)
    assert counts(told({"a": [PAYLOAD]}, form="har")) == (0, 0, 1)


def test_sources_are_files_folders_globs_and_addresses(tmp_path, monkeypatch) -> None:
    """Each file is listed once, in order; a source without one is told."""
    (tmp_path / "x" / "y").mkdir(parents=True)
    for name in ("a.jsonl", "x/b.jsonl", "x/y/c.har"):
        (tmp_path / name).write_text("{}")
    names = ["a.jsonl", "x/b.jsonl", "x/y/c.har"]

    def relative(*sources):
        return [file.removeprefix("file://").removeprefix(f"{tmp_path}/") for file, _ in listed(sources)]

    assert relative(str(tmp_path), str(tmp_path / "a.jsonl")) == names
    assert relative(str(tmp_path / "**" / "*.jsonl")) == names[:2]
    assert relative(f"file://{tmp_path}") == names
    assert relative(f"file://{tmp_path}/x/*.jsonl") == names[1:2]
    monkeypatch.chdir(tmp_path)
    assert [file for file, _ in listed(["*.jsonl"])] == ["a.jsonl"]
    for missing in (str(tmp_path / "none"), f"file://{tmp_path}/none", "nowhere://x"):
        with pytest.raises(UsageError):
            listed([missing])


def test_object_stores_are_read_through_fsspec() -> None:
    """A store that is no folder of this machine gives its files, whole or by ranges."""
    import fsspec  # noqa: PLC0415

    lines = [json.dumps(exchange(sent=WRONG if number == 3 else None)) for number in range(9)]
    with fsspec.open("memory://bucket/day/a.jsonl", "wb") as out:
        out.write("\n".join(lines).encode())
    with fsspec.open("memory://bucket/hour/b.har", "wb") as out:
        out.write(archive(SENT, WRONG))
    ledger = audited(Alone(Settings()), tasks(listed(["memory://bucket/hour"])), 5)
    assert (ledger.exchanges, ledger.total.wrong) == (2, 1)
    files = listed(["memory://bucket/day"])
    assert [shown(file).rpartition("/")[2] for file, _ in files] == ["a.jsonl"]
    for chunk in (1 << 20, 3000):
        ledger = audited(Alone(Settings()), tasks(files, chunk=chunk), 5)
        assert (ledger.exchanges, ledger.total.wrong) == (9, 1)
        assert ledger.ranked()[0].examples[0].place.line == 4


def test_addresses_are_shown_without_credentials() -> None:
    """What stands before the host of an address, and in its query, is nobody's business."""
    assert shown("s3://key:marked-secret@bucket/a/b.jsonl?sig=marked-secret") == "s3://bucket/a/b.jsonl"
    assert shown("a/b@c.jsonl") == "a/b@c.jsonl"
