"""Bad descriptions: one clear error with the place, in bounded time and memory, whatever the text."""

from __future__ import annotations

import copy
import json
import multiprocessing
import os
import random
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from assay import AssayError, Contract, DescriptionError
from assay.errors import ReferenceRefused
from assay.schema.check import Schemas
from assay.spec.load import load_api

SECONDS = 20
MEMORY = 1_500_000_000
ENGINES = ["rust", "reference"]
BODY = "#/paths/~1a/post/requestBody/content/application~1json/schema"


@pytest.fixture(autouse=True)
def bounded(monkeypatch, tmp_path_factory):
    """Give each test a cache of its own and a limit of time that is generous on a busy machine."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    start = time.monotonic()
    yield
    assert time.monotonic() - start < SECONDS


def described(schema, version="3.1.0", **schemas):
    """Return a description with one operation that takes a body of this schema."""
    return {
        "openapi": version,
        "info": {"title": "t", "version": "1"},
        "paths": {"/a": {"post": {"requestBody": {"content": {"application/json": {"schema": schema}}}}}},
        "components": {"schemas": schemas},
    }


def started(*arguments):
    """Run Python in little memory, to its end."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

    program = [sys.executable, *map(str, arguments)]
    return subprocess.run(program, capture_output=True, text=True, timeout=SECONDS, check=False, preexec_fn=limit)


def command(*arguments):
    """Run a command of ours in little memory; return its exit code and what it wrote to stderr."""
    done = started("-m", "assay", *arguments)
    return done.returncode, done.stderr


# --- schemas --------------------------------------------------------------------------------------------------------

MISUSED = [
    {"uniqueItems": "x"},
    {"type": 7},
    {"type": ["string", 3]},
    {"required": "a"},
    {"required": ["a", 3]},
    {"enum": {"a": 1}},
    {"properties": []},
    {"items": "x"},
    {"additionalProperties": "no"},
    {"allOf": {}},
    {"anyOf": [3]},
    {"prefixItems": {}},
    {"format": 7},
    {"minimum": "x"},
    {"minimum": True},
    {"maximum": []},
    {"exclusiveMinimum": "x"},
    {"multipleOf": {}},
    {"minLength": "1_000"},
    {"maxLength": True},
    {"maxContains": "x"},
    {"readOnly": "yes"},
    {"nullable": "yes"},
    {"$id": 7},
    {"$anchor": 7},
    {"$ref": 7},
    {"$ref": "#/nowhere"},
    {"$schema": 7},
    {"dependentRequired": []},
    {"dependentRequired": {"a": "b"}},
    {"dependentSchemas": []},
    {"dependencies": 3},
    {"not": 3},
    {"if": 3},
    {"contains": 3},
    {"propertyNames": 3},
    {"unevaluatedProperties": 3},
]


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0", "3.2.0"])
@pytest.mark.parametrize("schema", MISUSED, ids=str)
def test_a_keyword_that_cannot_be_read_is_refused_with_its_pointer(schema, version) -> None:
    """A malformed keyword is found when the description is loaded, not when a message arrives."""
    (keyword,) = schema
    with pytest.raises(DescriptionError) as caught:
        load_api(described(copy.deepcopy(schema), version))
    assert caught.value.pointer.startswith(f"{BODY}/{keyword}")
    assert "\n" not in str(caught.value)


def test_a_property_name_that_is_no_pattern_is_refused_with_its_pointer() -> None:
    """A key of patternProperties that is no regular expression is named itself."""
    with pytest.raises(DescriptionError, match="regular expression") as caught:
        load_api(described({"patternProperties": {"a": {}, "(/": {}}}))
    assert caught.value.pointer == f"{BODY}/patternProperties/(~1"


READ = [
    ({"minLength": -1}, {}),
    ({"maxLength": -1}, {}),
    ({"enum": 3}, {"enum": [3]}),
    ({"items": []}, {}),
    ({"anyOf": []}, {}),
    ({"oneOf": []}, {}),
    ({"allOf": []}, {}),
    ({"prefixItems": []}, {}),
    ({"enum": []}, {}),
    ({"type": []}, {}),
    ({"uniqueItems": "true"}, {"uniqueItems": True}),
    ({"readOnly": "false"}, {"readOnly": False}),
    ({"required": True}, {}),
    ({"maximum": "Infinity"}, {}),
    ({"maximum": "1e400"}, {}),
    ({"maximum": "10"}, {"maximum": 10}),
    ({"maximum": 1, "exclusiveMaximum": False}, {"maximum": 1}),
    ({"type": "any"}, {}),
    ({"pattern": 7}, {"x-unread-pattern": 7}),
    ({"pattern": "("}, {"x-unread-pattern": "("}),
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("schema", "meant"), READ, ids=str)
def test_a_keyword_that_can_be_read_in_one_way_is_a_repair(schema, meant, engine) -> None:
    """What has one reading is read so, listed, and means the same to both engines."""
    api = load_api(described(copy.deepcopy(schema)))
    body = api.documents[api.root]["paths"]["/a"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body == meant
    assert [repair.target for repair in api.repairs] == [BODY]
    Contract(api, engine=engine).compile()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_malformed_annotation_has_no_say(engine) -> None:
    """A title that is a number stops nothing: it says nothing of values."""
    schema = {"title": 3, "description": [], "examples": 3, "$comment": 3, "deprecated": "x", "type": "string"}
    Contract(load_api(described(schema)), engine=engine).compile()


def test_an_identifier_in_a_description_of_3_0_is_no_word_of_it() -> None:
    """OpenAPI 3.0 has no $id; an engine that took it for one would resolve references from there."""
    schema = {"$id": "https://example.com/x", "properties": {"a": {"$ref": "#/components/schemas/A"}}}
    api = load_api(described(schema, "3.0.3", A={"type": "string"}))
    check = Contract(api).schemas.check(f"{api.root}{BODY}")
    assert check.ok({"a": "x"})
    assert not check.ok({"a": 1})
    assert any("$id" in repair.reason for repair in api.repairs)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("pattern", ["(a+)+$", "^(?!x)(a+)+$", r"^(a|aa)+\1$"])
def test_a_pattern_that_backtracks_for_ever_is_given_up(pattern, engine) -> None:
    """The verdict on an adversarial value comes in bounded time; a plain value is judged as ever."""
    api = load_api(described({"type": "string", "pattern": pattern}))
    check = Contract(api, engine=engine).schemas.check(f"{api.root}{BODY}")
    assert not check.ok("a" * 5000 + "!")
    assert check.ok("aaaa")


def test_what_admits_nothing_is_found_in_all_that_is_reached() -> None:
    """A subschema that no value can satisfy is named, wherever references lead; a literal false is meant."""
    never = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3, "maximum": 2}, "gone": False}}
    api = load_api(
        described({"$ref": "#/components/schemas/A"}, A={"items": {"$ref": "#/components/schemas/B"}}, B=never)
    )
    schemas = Schemas(api.documents)
    found = schemas.admit_nothing([f"{api.root}{BODY}", f"{api.root}#/components/schemas/A"])
    assert found == (f"{api.root}#/components/schemas/B/properties/n",)
    assert schemas.admit_nothing([]) == ()


def test_hundreds_of_references_to_one_schema_are_one_check() -> None:
    """A schema that only names another is compiled as that one."""
    api = load_api(described({"$ref": "#/components/schemas/A", "description": "x"}, A={"type": "string"}))
    schemas = Schemas(api.documents)
    assert schemas.check(f"{api.root}{BODY}") is schemas.check(f"{api.root}#/components/schemas/A")
    assert schemas.check(f"{api.root}{BODY}").explain(1, part="body")[0].pointer.endswith("#/components/schemas/A/type")


# --- references -----------------------------------------------------------------------------------------------------


def test_a_legal_circle_compiles_and_an_illegal_one_is_refused() -> None:
    """A tree is recursion; references that lead to each other and to nothing else are none."""
    tree = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/A"}}}
    assert len(Contract(load_api(described({"$ref": "#/components/schemas/A"}, A=tree))).compile()) == 1
    circle = {"A": {"$ref": "#/components/schemas/B"}, "B": {"$ref": "#/components/schemas/A"}}
    with pytest.raises(DescriptionError, match="circle") as caught:
        load_api(described({"$ref": "#/components/schemas/A"}, **circle))
    assert caught.value.pointer.endswith("/$ref")


@pytest.mark.parametrize(
    "reference",
    [
        "../secret.yaml#/A",
        "/etc/passwd",
        "file:///etc/passwd",
        "https://example.com/a.yaml",
        "//example.com/a",
        "ftp://a/b",
    ],
)
def test_a_reference_out_of_the_tree_is_refused(tmp_path, reference) -> None:
    """Neither the network nor a file outside the folder is ever read, and the error names the reference."""
    (tmp_path / "secret.yaml").write_text("A: {}")
    path = tmp_path / "in" / "openapi.json"
    path.parent.mkdir()
    path.write_text(json.dumps(described({"$ref": reference})))
    with pytest.raises(ReferenceRefused) as caught:
        load_api(path)
    assert caught.value.pointer == f"{BODY}/$ref"


# --- texts ----------------------------------------------------------------------------------------------------------

HEAD = "openapi: 3.1.0\ninfo: {title: t, version: '1'}\n"
TEXTS = {
    "empty.yaml": b"",
    "blank.yaml": b" \n\n",
    "nul.yaml": b"openapi: 3.1.0\0\n",
    "binary.yaml": bytes(range(256)),
    "broken.yaml": b"openapi: 3.1.0\npaths: {a: [\n",
    "broken.json": b'{"openapi": "3.1.0",',
    "tab.yaml": b"openapi: 3.1.0\n\tpaths: {}\n",
    "swagger.json": b'{"swagger": "2.0", "paths": {}}',
    "old.yaml": b"openapi: 2.0.0\npaths: {}\n",
    "new.yaml": b"openapi: 4.0.0\npaths: {}\n",
    "list.json": b"[1, 2]",
    "line.yaml": b"x" * 1_000_000,
    "line.json": b'{"a": "' + b"x" * 1_000_000,
    "deep.json": b"[" * 100_000,
    "deep.yaml": b"[" * 100_000,
    "deep-objects.json": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "deep-blocks.yaml": b"".join(b" " * n + b"a:\n" for n in range(1000)),
    "deep-schema.json": HEAD.encode() + b'components: {"schemas": {"A": ' + b'{"not": ' * 5000 + b"{}" + b"}" * 5002,
    "bomb.yaml": b"a0: &a0 [x, x]\n"
    + b"".join(b"a%d: &a%d [*a%d, *a%d]\n" % (n, n, n - 1, n - 1) for n in range(1, 40)),
    "wide-bomb.yaml": b"a: &a [" + b"x, " * 10_000 + b"x]\nb: [" + b"*a, " * 10_000 + b"*a]\n",
    "merge-bomb.yaml": b"a: &a {"
    + b", ".join(b"k%d: 1" % n for n in range(2000))
    + b"}\nb: ["
    + b"{<<: *a}, " * 5000
    + b"1]\n",
    "text-bomb.yaml": b"a: &a " + b"x" * 100_000 + b"\nb: [" + b"*a, " * 100_000 + b"*a]\n",
    "self.yaml": b"a: &a [*a]\n",
    "digits.json": b'{"openapi": ' + b"9" * 100_000 + b"}",
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_that_cannot_be_read_is_one_line(tmp_path, name) -> None:
    """One line says what is wrong with which file, in bounded time."""
    path = tmp_path / name
    path.write_bytes(TEXTS[name])
    with pytest.raises(DescriptionError) as caught:
        load_api(path)
    told = str(caught.value)
    assert told.startswith(str(path))
    assert "\n" not in told
    assert len(told) < 600


PROGRAM = """
import sys
from assay import DescriptionError
from assay.spec.load import load_api
for path in sys.argv[1:]:
    try:
        load_api(path)
    except DescriptionError as error:
        print(error)
"""


def test_no_text_takes_more_memory_than_a_laptop_has(tmp_path) -> None:
    """All of them are refused by one process that may have a gigabyte and a half."""
    for name, text in TEXTS.items():
        (tmp_path / name).write_bytes(text)
    done = started("-c", PROGRAM, *(tmp_path / name for name in TEXTS))
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(done.stdout.splitlines()) == len(TEXTS)


@pytest.mark.parametrize("name", ["broken.yaml", "deep.json", "bomb.yaml"])
def test_the_command_says_it_in_one_line_with_exit_code_two(tmp_path, name) -> None:
    """No traceback, and the name of the file."""
    path = tmp_path / name
    path.write_bytes(TEXTS[name])
    code, told = command("operations", "--description", path)
    assert (code, told.count("\n")) == (2, 1), told[-2000:]
    assert told.startswith(f"assay: {path}")


def test_a_folder_and_a_file_that_is_not_there_are_one_line_too(tmp_path) -> None:
    """The command names what it was given."""
    for path in (tmp_path, tmp_path / "missing.yaml"):
        code, told = command("operations", "--description", path)
        assert (code, told.count("\n")) == (2, 1)
        assert str(path) in told


def test_a_run_shows_the_place_and_not_how_we_name_it(tmp_path) -> None:
    """`assay run` with a broken schema ends before it sends anything, with the pointer of the description."""
    path = tmp_path / "broken.yaml"
    path.write_text(json.dumps(described({"$ref": "#/components/schemas/A"}, A={"type": 7})))
    code, told = command("run", "http://127.0.0.1:9", "--description", path)
    assert (code, told.count("\n")) == (2, 1)
    assert told.startswith(f"assay: {path}#/components/schemas/A/type: expected ")
    assert "file:" not in told


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_other_encodings_with_a_mark_are_read(tmp_path, encoding) -> None:
    """UTF-16 with its byte order mark is text."""
    path = tmp_path / "openapi.yaml"
    path.write_bytes((HEAD + "paths: {/ä: {get: {}}}").encode(encoding))
    assert load_api(path).operations[0].path == "/ä"


@pytest.mark.parametrize("name", ["large.json", "large.yaml"])
def test_twenty_megabytes_are_read(tmp_path, name) -> None:
    """A large description loads, with its last operation."""
    item = {"get": {"description": "x" * 2000, "responses": {"200": {"description": "y"}}}}
    paths = {f"/p{number}": item for number in range(10_000)}
    path = tmp_path / name
    text = json.dumps({"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": paths})
    # In YAML, a document of this size is written by a program, and programs write it in blocks or on one line.
    path.write_text(text if name.endswith("json") else "---\n" + text)
    assert path.stat().st_size > 20_000_000
    assert len(load_api(path, cache=False).operations) == 10_000


# --- damage ---------------------------------------------------------------------------------------------------------

ODD = [
    None,
    True,
    3,
    -1.5,
    "x",
    "",
    [],
    [None],
    {},
    {"$ref": "#/nowhere"},
    {"$ref": 1},
    {"": None},
    [[]],
    [{}],
    1e308,
    "\ud800",
]


def mutated(value, rng):
    """Return a copy of a JSON value with one to three damages: a part dropped, replaced, doubled or moved."""
    value = copy.deepcopy(value)
    for _ in range(rng.randint(1, 3)):
        holders = [node for node in nodes(value) if node]
        holder = rng.choice(holders)
        key = rng.choice(list(holder)) if isinstance(holder, dict) else rng.randrange(len(holder))
        match rng.randrange(4):
            case 0:
                del holder[key]
            case 1:
                holder[key] = copy.deepcopy(rng.choice(ODD))
            case 2 if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[key]))
            case _:
                holder[key] = copy.deepcopy(rng.choice(holders))
    return value


def nodes(value):
    """List all objects and arrays in a JSON value."""
    found, waiting = [], [value]
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict | list):
            found.append(here)
            waiting.extend(here.values() if isinstance(here, dict) else here)
    return found


def test_damage_gives_an_assay_error_or_a_contract() -> None:
    """Whatever is dropped, replaced or doubled, loading and compiling end well or as an AssayError; both happen."""
    rng = random.Random(7)  # noqa: S311  a seed, not a secret
    base = described(
        {"$ref": "#/components/schemas/A"},
        A={
            "type": "object",
            "required": ["a"],
            "properties": {"a": {"enum": [1], "nullable": True}, "b": {"$ref": "#/components/schemas/B"}},
            "oneOf": [{"minimum": 1, "exclusiveMinimum": True}, {"$ref": "#/components/schemas/B"}],
            "discriminator": {"propertyName": "a", "mapping": {"x": "#/components/schemas/B"}},
            "dependencies": {"a": ["b"]},
            "patternProperties": {"^x-": {"type": ["string", "null"], "format": "date-time"}},
        },
        B={"type": "array", "items": {"$ref": "#/components/schemas/A"}, "uniqueItems": True, "maxItems": 3},
    )
    base["servers"] = [{"url": "/{v}", "variables": {"v": {"default": "v1"}}}]
    base["security"] = [{"key": []}]
    base["paths"]["/a/{id}"] = {
        "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
        "get": {
            "operationId": "get",
            "tags": ["x"],
            "parameters": [{"name": "q", "in": "query", "style": "deepObject", "schema": {"type": "object"}}],
            "requestBody": {
                "content": {
                    "multipart/form-data": {
                        "schema": {"$ref": "#/components/schemas/A"},
                        "encoding": {"a": {"contentType": "a/b", "headers": {"X": {"schema": {"type": "string"}}}}},
                    }
                }
            },
            "responses": {
                "200": {
                    "headers": {"X": {"schema": {"type": "integer"}}},
                    "content": {"text/event-stream": {"itemSchema": {}}},
                }
            },
        },
    }
    verdicts = {"read": 0, "refused": 0}
    for _ in range(1500):
        damaged = mutated(base, rng)
        try:
            Contract(load_api(damaged), engine="rust").compile()
            verdicts["read"] += 1
        except AssayError as error:
            verdicts["refused"] += "\n" not in str(error)
    assert sum(verdicts.values()) == 1500
    assert verdicts["read"] > 200, verdicts
    assert verdicts["refused"] > 200, verdicts


# --- the cache ------------------------------------------------------------------------------------------------------


def _operations(path: str) -> int:
    return len(load_api(path).operations)


def test_processes_share_the_cache(tmp_path) -> None:
    """Processes that start at once with one description and one empty cache all succeed."""
    path = tmp_path / "openapi.json"
    document = described({"type": "string"})
    document["paths"] |= {f"/p{number}": {"get": {"description": "x" * 500}} for number in range(2000)}
    path.write_text(json.dumps(document))
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert pool.map(_operations, [str(path)] * 8, chunksize=1) == [2001] * 8
    folder = Path(os.environ["XDG_CACHE_HOME"]) / "assay" / "descriptions"
    assert [entry.suffix for entry in folder.iterdir()] == [".json"]
