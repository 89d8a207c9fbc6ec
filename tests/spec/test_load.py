"""Loading: sources, layers, overlays, and the cache."""

from __future__ import annotations

import copy
import json
import os
import threading

import pytest

from assay.errors import AssayError, DescriptionError, OverlayError, UsageError
from assay.spec import load as loading
from assay.spec.load import load_api

SMALL = {
    "openapi": "3.1.0",
    "info": {"title": "t", "version": "1"},
    "paths": {
        "/a": {"get": {"responses": {"200": {"content": {"application/json": {"schema": {"$ref": "defs.yaml#/A"}}}}}}}
    },
}
OVERLAY = {
    "overlay": "1.0.0",
    "info": {"title": "o", "version": "1"},
    "actions": [{"target": "$.paths['/a'].get", "description": "named", "update": {"operationId": "named"}}],
}


@pytest.fixture(autouse=True)
def cache_folder(tmp_path_factory, monkeypatch):
    """Give each test a cache of its own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder / "assay" / "descriptions"


@pytest.fixture
def small(tmp_path):
    """Return a description of two files."""
    (tmp_path / "defs.yaml").write_text("A: {type: string, nullable: true}")
    path = tmp_path / "openapi.yaml"
    path.write_text(json.dumps(SMALL))
    return path


def reads(monkeypatch):
    """Count the texts that are parsed from now on."""
    seen = []
    original = loading.parse
    monkeypatch.setattr(loading, "parse", lambda data, source: seen.append(source) or original(data, source))
    return seen


def test_the_second_load_comes_from_the_cache_and_is_the_same(small, monkeypatch) -> None:
    """Nothing is parsed the second time, and the Api is equal in every part."""
    first = load_api(small)
    seen = reads(monkeypatch)
    assert load_api(small) == first
    assert seen == []
    assert load_api(str(small), cache=False) == first
    assert len(seen) == 2


@pytest.mark.parametrize("change", ["root", "other", "overlay", "layer", "allow"])
def test_whatever_matters_makes_another_entry(small, monkeypatch, change) -> None:
    """A change of any file, overlay, layer or permission is compiled afresh."""
    load_api(small)
    seen = reads(monkeypatch)
    options = {}
    if change == "root":
        small.write_text(json.dumps({**SMALL, "tags": []}))
    elif change == "other":
        (small.parent / "defs.yaml").write_text("A: {type: integer}")
    else:
        options = {"overlay": {"overlays": [OVERLAY]}, "layer": {"layer": "strict"}, "allow": {"allow": ["/x"]}}[change]
    api = load_api(small, **options)
    assert len(seen) == 2
    assert change != "other" or api.documents["file:///defs.yaml"]["A"]["type"] == "integer"
    assert change != "overlay" or api.operations[0].id == "named"


@pytest.mark.parametrize("damage", [b"", b"x", b"{}", None, b"0" * 64 + b'\n{"documents":{}}'])
def test_a_damaged_entry_is_ignored_and_rewritten(small, cache_folder, damage) -> None:
    """An entry that is not exactly what was written is compiled and written again."""
    first = load_api(small)
    (entry,) = cache_folder.glob("*.json")
    whole = entry.read_bytes()
    entry.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    assert load_api(small) == first
    assert entry.read_bytes() == whole


def test_a_cache_that_cannot_be_written_is_no_failure(small, monkeypatch, tmp_path) -> None:
    """Where the cache folder is a file, loading works without a cache."""
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert load_api(small).operations


def test_many_may_load_at_once(small, cache_folder) -> None:
    """Concurrent loads all succeed and leave one whole entry and no rest."""
    found, failed = [], []

    def load() -> None:
        try:
            found.append(load_api(small))
        except AssayError as error:
            failed.append(error)

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(found) == 8
    assert all(api == found[0] for api in found)
    assert [path.suffix for path in cache_folder.iterdir()] == [".json"]


def test_the_cache_keeps_a_bounded_number_of_entries(small, cache_folder, monkeypatch) -> None:
    """The oldest entries go."""
    monkeypatch.setattr(loading, "_KEPT_ENTRIES", 2)
    for number in range(4):
        small.write_text(json.dumps({**SMALL, "x-number": number}))
        load_api(small)
    assert len(list(cache_folder.glob("*.json"))) == 2


def test_a_dict_is_never_changed() -> None:
    """A description and an overlay given as dicts are copied."""
    document = {
        "openapi": "3.1.0",
        "info": {},
        "paths": {"/a": {"get": {}}},
        "components": {"schemas": {"A": {"nullable": True}}},
    }
    before, overlay = copy.deepcopy(document), copy.deepcopy(OVERLAY)
    assert load_api(document, overlays=[overlay]).operations[0].id == "named"
    assert document == before
    assert overlay == OVERLAY


def test_overlays_come_as_files_too(small) -> None:
    """An overlay file is applied, and its repair is listed first."""
    path = small.parent / "overlay.yaml"
    path.write_text(json.dumps(OVERLAY))
    api = load_api(small, overlays=[path])
    assert api.operations[0].id == "named"
    assert api.repairs[0].reason == "named"
    path.write_text("{}")
    with pytest.raises(OverlayError):
        load_api(small, overlays=[path])


@pytest.mark.parametrize("layer", ["compat", "strict"])
def test_openais_description_is_mended_by_default_and_others_are_not(layer) -> None:
    """The layers apply their overlays to OpenAI's own description only, and say what did not apply."""
    document = {"openapi": "3.1.0", "info": {"title": "OpenAI API"}, "paths": {"/models": {"get": {}}}}
    assert load_api(document, layer=layer).repairs == ()
    overlays = {
        repair.by.partition("#")[0]
        for repair in load_api({**document, "servers": [{"url": "https://api.openai.com/v1"}]}, layer=layer).repairs
    }
    wanted = {"openai-repairs.yaml"} | ({"openai-compat.yaml"} if layer == "compat" else set())
    assert overlays == wanted


def test_an_unknown_layer_is_a_usage_error() -> None:
    """There are two layers."""
    with pytest.raises(UsageError, match="compat or strict"):
        load_api({}, layer="loose")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "no such file"),
        (b"", "empty"),
        (b"\x89PNG\0", "not text"),
        (b"a: [", "line"),
        (b"[]", "as an object"),
        (b"x", "as an object"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_clear_error(tmp_path, data, message) -> None:
    """A missing, empty, binary or broken file is named in one line."""
    path = tmp_path / "openapi.yaml"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(DescriptionError, match=message) as caught:
        load_api(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_or_an_impossible_name_is_one_clear_error(tmp_path) -> None:
    """A folder, a name with NUL and a name that is too long are no descriptions."""
    for source in (tmp_path, "a\0b", "x" * 5000):
        with pytest.raises(DescriptionError):
            load_api(source)


def test_large_integers_survive_the_cache(tmp_path) -> None:
    """An integer beyond 64 bits is exact, from the text and from the cache."""
    path = tmp_path / "openapi.yaml"
    path.write_text(
        f"openapi: 3.1.0\ninfo: {{}}\npaths: {{}}\ncomponents: {{schemas: {{A: {{maximum: {2**70 + 1}}}}}}}"
    )
    for _ in range(2):
        api = load_api(path)
        assert api.documents[api.root]["components"]["schemas"]["A"]["maximum"] == 2**70 + 1


def test_no_damage_to_a_description_gives_another_kind_of_error() -> None:
    """Any value in any place of a description either loads or is an AssayError; both happen."""
    base = {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "servers": [{"url": "/v1", "variables": {"a": {"default": "b"}}}],
        "security": [{"key": []}],
        "tags": [{"name": "x"}],
        "paths": {
            "/a/{id}": {
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
                "post": {
                    "operationId": "a",
                    "tags": ["x"],
                    "requestBody": {
                        "content": {
                            "multipart/form-data": {
                                "schema": {"$ref": "#/components/schemas/A"},
                                "encoding": {"a": {"contentType": "a/b"}},
                            }
                        }
                    },
                    "responses": {"200": {"description": "x", "headers": {"X": {"schema": {"type": "integer"}}}}},
                },
            }
        },
        "components": {
            "schemas": {
                "A": {
                    "type": "object",
                    "required": ["a"],
                    "properties": {"a": {"enum": [1], "nullable": True}},
                    "oneOf": [{"minimum": 1, "exclusiveMinimum": True}],
                    "items": {"pattern": "a"},
                    "dependencies": {"a": ["b"]},
                    "$defs": {"x": {"$anchor": "x", "type": "integer", "default": "inf"}},
                }
            }
        },
    }
    odd = [None, True, 3, -1.5, "x", "", [], [None], {}, {"$ref": "#/nowhere"}, {"$ref": 1}, {"": None}, [[]], [{}]]
    verdicts = {"loaded": 0, "refused": 0}
    for place in list(places(base)):
        for value in odd:
            damaged = copy.deepcopy(base)
            holder = damaged
            for step in place[:-1]:
                holder = holder[step]
            holder[place[-1]] = copy.deepcopy(value)
            try:
                load_api(damaged)
                verdicts["loaded"] += 1
            except AssayError:
                verdicts["refused"] += 1
    assert verdicts["loaded"] > 100
    assert verdicts["refused"] > 100


def places(value, at=()):
    """Yield the path of every node below a value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, child in pairs:
        yield (*at, step)
        yield from places(child, (*at, step))


def test_the_bundled_description_loads() -> None:
    """The name openai stands for the description that comes with Assay, and is never mended."""
    if not (loading.schemas_folder() / "openai" / "openapi.yaml").is_file():
        pytest.skip("the bundled description has not been written yet")
    api = load_api("openai")
    assert api.operations
    assert not any(repair.by.startswith("openai-") for repair in api.repairs)
    assert os.fspath(loading.schemas_folder()).endswith("schemas")
