"""Files of recorded traffic are recognised by what is in them, and read whole, whatever recorded them."""

from __future__ import annotations

import base64
import gzip
import json
import tracemalloc
import zlib

import pytest
import yaml
from recorded_exchange import CAME, SENT, URL, exchange

from assay.audit import ranges, records
from assay.audit.files import read_file
from assay.audit.records import Broken
from assay.errors import UsageError

HEADERS = {"content-type": "application/json"}
LISTED = {"Content-Type": ["application/json"]}
PACKED = {"Content-Type": ["application/json"], "Content-Encoding": ["gzip"]}


def har(*entries):
    """An archive."""
    return {"log": {"version": "1.2", "creator": {"name": "t", "version": "1"}, "entries": list(entries)}}


def har_entry(content, *, url=URL, post=None, status=200, method="POST"):
    """An entry of an archive, as a browser writes it: text is decoded, headers are not."""
    fields = [{"name": ":method", "value": method}, {"name": "content-type", "value": "application/json"}]
    packed = [*fields[1:], {"name": "content-encoding", "value": "br"}]
    request = {"method": method, "url": url, "headers": fields, "bodySize": 10}
    post = {"mimeType": "application/json", "text": json.dumps(SENT)} if post is None else post
    if post:
        request["postData"] = post
    return {"request": request, "response": {"status": status, "headers": packed, "content": content}}


def tape(request_body, response, *, headers=LISTED):
    """An interaction of a cassette."""
    return {
        "request": {"body": request_body, "headers": headers, "method": "POST", "uri": URL},
        "response": response,
    }


def answer(body, headers=LISTED):
    """A response as vcrpy writes it."""
    return {"body": body, "headers": headers, "status": {"code": 200, "message": "OK"}}


TEXT, CAME_TEXT = json.dumps(SENT), json.dumps(CAME)
GZIPPED = gzip.compress(CAME_TEXT.encode(), mtime=0)
BASE64 = base64.b64encode(CAME_TEXT.encode()).decode()
FORMS = {
    "lines": "\n".join([json.dumps(exchange())] * 2),
    "lines-with-broken-first": "{broken\n" + json.dumps(exchange()),
    "lines-with-url": json.dumps({**exchange(), "url": URL, "path": None}),
    "lines-parsed": json.dumps({**exchange(), "request_body": SENT, "response_body": CAME}),
    "har": json.dumps(har(har_entry({"text": CAME_TEXT})), indent=1),
    "har-one-line": json.dumps(har(har_entry({"text": BASE64, "encoding": "base64"}))),
    "vcrpy-yaml": yaml.safe_dump({"interactions": [tape(TEXT, answer({"string": CAME_TEXT}))], "version": 1}),
    "vcrpy-json": json.dumps({"version": 1, "interactions": [tape(TEXT, answer({"string": CAME_TEXT}))]}, indent=2),
    "vcrpy-binary": yaml.safe_dump({"interactions": [tape(TEXT.encode(), answer({"string": GZIPPED}, PACKED))]}),
    "vcrpy-decoded": yaml.safe_dump({"interactions": [tape(TEXT, answer({"string": CAME_TEXT}, PACKED))]}),
    "vcrpy-base64": yaml.safe_dump({"interactions": [tape({"base64_string": base64.b64encode(TEXT.encode())},
                                                          answer({"base64_string": BASE64}))]}),
    "vcrpy-parsed": yaml.safe_dump({"interactions": [{
        "request": {"parsed_body": SENT, "headers": LISTED, "method": "POST", "uri": URL},
        "response": {"parsed_body": CAME, "headers": LISTED, "status": {"code": 200}}}]}),
    "vcrpy-httpx": yaml.safe_dump({"interactions": [tape(TEXT, {
        "content": CAME_TEXT, "headers": [["content-type", "application/json"]], "status_code": 200})]}),
    "vcrpy-0": yaml.safe_dump([{
        "request": {"body": TEXT, "headers": HEADERS, "method": "POST", "host": "api.openai.com", "port": 443,
                    "path": "/v1/chat/completions", "protocol": "https"},
        "response": answer({"string": CAME_TEXT}, {"content-type": ["application/json"]})}]),
    "vcrpy-python-2": (
        "interactions:\n- request:\n    body: !!python/unicode '" + TEXT + "'\n    headers:\n"
        "      Content-Type: [application/json]\n    method: !!python/unicode 'POST'\n    uri: " + URL + "\n"
        "  response:\n    body: {string: !!python/unicode '" + CAME_TEXT + "'}\n"
        "    headers:\n      content-type: [application/json]\n    status: {code: 200, message: OK}\nversion: 1\n"
    ),
    "betamax": json.dumps({"http_interactions": [{
        "request": {"body": {"encoding": "utf-8", "string": TEXT}, "headers": LISTED, "method": "POST", "uri": URL},
        "response": {"body": {"base64_string": base64.b64encode(GZIPPED).decode(), "encoding": None},
                     "headers": PACKED, "status": {"code": 200, "message": "OK"}}}]}),
    "no-headers": yaml.safe_dump({"interactions": [tape(TEXT, answer({"string": CAME_TEXT}, {}), headers={})]}),
}  # fmt: skip


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("form", FORMS)
def test_each_format_is_read(tmp_path, form, packed) -> None:
    """One exchange, written down in any format and under any name, is read as the same messages."""
    path = tmp_path / "recording.dat"
    data = FORMS[form].encode()
    path.write_bytes(gzip.compress(data) if packed else data)
    read = [item for item in read_file(str(path)) if not isinstance(item, Broken)]
    assert read
    for item in read:
        assert (item.host, item.request.method, item.request.target) == (
            "api.openai.com", "POST", "/v1/chat/completions")  # fmt: skip
        assert json.loads(item.request.body) == SENT
        assert json.loads(item.response.body) == CAME
        assert item.response.status == 200
        assert "content-encoding" not in item.response.headers
        assert item.request.headers.get("content-type") == "application/json"
        assert item.response.headers.get("content-type") == "application/json"
        assert not item.skipped


def test_streams_are_read_as_they_came(tmp_path) -> None:
    """A recorded stream keeps its text, and its type is seen even without a header."""
    stream = 'data: {"a": 1}\n\ndata: [DONE]\n\n'
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump({"interactions": [tape(TEXT, answer({"string": stream}, {}))]}))
    (item,) = read_file(str(path))
    assert item.response.body == stream.encode()
    assert item.response.headers.get("content-type") == "text/event-stream"


def test_what_was_not_recorded_is_said(tmp_path) -> None:
    """An absent body, an unknown coding and a missing response are skipped with their reason."""
    cases = [
        ({**exchange(), "request_body": None}, {"request"}),
        ({key: value for key, value in exchange().items() if key != "response_body"}, {"response"}),
        ({**exchange(), "method": "GET", "request_body": None}, set()),
        ({**exchange(), "status": None}, {"response"}),
    ]
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(json.dumps(value) for value, _ in cases))
    assert [set(item.skipped) for item in read_file(str(path))] == [skipped for _, skipped in cases]
    brotli = tape(TEXT, answer({"string": b"\x1b\x00\xff\xfe"}, {"Content-Encoding": ["br"]}))
    path.write_text(yaml.safe_dump({"interactions": [brotli]}))
    (item,) = read_file(str(path))
    assert set(item.skipped) == {"response"}
    cut = har_entry({"size": 0}, status=0)
    path.write_text(json.dumps(har(cut, har_entry({"size": 12}), har_entry({"text": "{}"}, post={}))))
    assert [set(item.skipped) for item in read_file(str(path))] == [{"response"}, {"response"}, {"request"}]


def test_forms_of_an_archive_are_put_together(tmp_path) -> None:
    """An archive that lists a form's fields without its text gives the form."""
    post = {"mimeType": "application/x-www-form-urlencoded", "params": [{"name": "a", "value": "1 2"}]}
    path = tmp_path / "t.har"
    path.write_text(json.dumps(har(har_entry({"text": "{}"}, post=post))))
    (item,) = read_file(str(path))
    assert item.request.body == b"a=1+2"


BAD_LINES = {
    "{": "not JSON",
    "[1]": "not an exchange",
    '{"method": "POST"}': "not an exchange",
    json.dumps({**exchange(), "method": "GE T"}): "method",
    json.dumps({**exchange(), "status": "many"}): "status",
    json.dumps({**exchange(), "status": 99}): "status",
    json.dumps({**exchange(), "request_headers": "x"}): "headers",
    json.dumps({**exchange(), "response_headers": [1]}): "headers",
    json.dumps({**exchange(), "path": 1}): "path",
    json.dumps({**exchange(), "url": "http://[x/"}): "URL",
    "[" * 100_000: "",
}


@pytest.mark.parametrize("bad", BAD_LINES, ids=range(len(BAD_LINES)))
def test_a_broken_line_never_stops_the_file(lines, bad) -> None:
    """A broken line is given with its number and a reason; the lines around it are read."""
    before, broken, after = read_file(lines(exchange(), bad, exchange()))
    assert isinstance(broken, Broken)
    assert (broken.place.line, after.place.line, before.place.line) == (2, 3, 1)
    assert BAD_LINES[bad] in broken.reason


def test_a_broken_entry_never_stops_an_archive_or_cassette(tmp_path) -> None:
    """A broken entry is given with its index; the entries around it are read."""
    path = tmp_path / "t"
    path.write_text(
        json.dumps(har(har_entry({"text": "{}"}), {"request": 1}, har_entry({"text": "!", "encoding": "base64"})))
    )
    kinds = [(type(item).__name__, item.place.entry) for item in read_file(str(path))]
    assert kinds == [("Record", 0), ("Broken", 1), ("Broken", 2)]
    good = tape(TEXT, answer({"string": "{}"}))
    path.write_text(
        yaml.safe_dump([good, {"request": 1}, {"request": {"method": "GET"}}, {**good, "response": 3}, good])
    )
    assert [type(item).__name__ for item in read_file(str(path))] == ["Record", *["Broken"] * 3, "Record"]


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\n\n", b"hello", b"{}", b"[]x", b"{", b"\xff\xfe\x00", b"\x1f\x8b\x00", b"a: [b", b"- 1\n- 2\n",
        gzip.compress(b"interactions: []" * 1000, mtime=0)[:40],
        b"[" * 100_000, b"- " * 100_000 + b"a", b"{a: " * 100_000,
        b"x: &a [*a]", b"&a [*a]", b"openapi: 3.1.0\npaths: {}\n", b"a: !!int x", b"? [a]\n: b",
        b"interactions: !!bool 3",
    ],
    ids=range(20),
)  # fmt: skip
def test_a_file_that_is_none_gives_one_clear_error(tmp_path, data) -> None:
    """A file without recorded traffic, however broken, is a UsageError that names it."""
    path = tmp_path / "x.yaml"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=r"x\.yaml"):
        list(read_file(str(path)))


def test_files_that_cannot_be_opened_are_usage_errors(tmp_path) -> None:
    """A missing file and a folder are told by name."""
    for name in (str(tmp_path / "none"), str(tmp_path)):
        with pytest.raises(UsageError, match=r"none|cannot read"):
            list(read_file(name))


def test_a_cut_off_gzip_gives_what_it_holds(tmp_path) -> None:
    """A compressed file that was cut off gives its whole lines, then the place of the damage."""
    deflater = zlib.compressobj(wbits=31)
    data = deflater.compress((json.dumps(exchange()) + "\n").encode()) + deflater.flush(zlib.Z_FULL_FLUSH)
    path = tmp_path / "t.jsonl.gz"
    path.write_bytes(data)
    *read, last = read_file(str(path))
    assert len(read) == 1
    assert isinstance(last, Broken)
    assert last.place.line == 2


def test_long_lines_are_bounded(lines, monkeypatch) -> None:
    """A line over the limit is told of and never held whole."""
    monkeypatch.setattr(ranges, "BODY_LIMIT", 4000)
    assert records.BODY_LIMIT > 4000
    long = json.dumps({**exchange(), "request_body": "x" * 20_000})
    before, broken, after = read_file(lines(exchange(), long, exchange()))
    assert (before.place.line, broken.place.line, after.place.line) == (1, 2, 3)
    assert "too long" in broken.reason


def test_memory_does_not_grow_with_the_file(tmp_path) -> None:
    """Ten times the lines take no more memory to read."""
    line = (json.dumps({**exchange(), "response_body": "x" * 10_000}) + "\n").encode()

    def peak(count):
        path = tmp_path / f"{count}.jsonl"
        path.write_bytes(line * count)
        tracemalloc.start()
        assert sum(1 for _ in read_file(str(path))) == count
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(2000) < peak(200) + 200_000


@pytest.mark.parametrize(
    "body",
    [
        "&a [*a]",
        "{? !!binary aGk= : 2}",
        (
            "[&a [1,1,1,1,1,1,1,1,1,1], &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a], &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b],"
            " &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c], &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]]"
        ),
    ],
    ids=["circular", "odd-key", "bomb"],
)
def test_parsed_bodies_that_are_no_json_are_broken_entries(tmp_path, monkeypatch, body) -> None:
    """A parsed body that holds itself, or grows without end, is a broken entry and not a crash."""
    monkeypatch.setattr(records, "BODY_LIMIT", 10_000)
    path = tmp_path / "c.yaml"
    head = f"interactions:\n- request:\n    method: POST\n    uri: {URL}\n    parsed_body: "
    path.write_text(head + body + "\n")
    (item,) = read_file(str(path))
    assert isinstance(item, Broken)
    assert "bodies" in item.reason
