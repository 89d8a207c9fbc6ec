"""The router: which operation a target is for."""

from __future__ import annotations

from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.model import Operation
from assay.wire.routing import Router

PATHS = [
    ("listModels", "GET", "/models"),
    ("retrieveModel", "GET", "/models/{model}"),
    ("deleteModel", "DELETE", "/models/{model}"),
    ("createChatCompletion", "POST", "/chat/completions"),
    ("listFiles", "GET", "/files"),
    ("retrieveFile", "GET", "/files/{file_id}"),
    ("downloadFile", "GET", "/files/{file_id}/content"),
    ("searchFiles", "POST", "/files/search"),
    ("headFile", "HEAD", "/files/{file_id}/content"),
    ("exportDay", "GET", "/exports/{year}-{month}.json"),
    ("exportAny", "GET", "/exports/{name}"),
    ("cancelBatch", "POST", "/batches/{batch_id}:cancel"),
    ("first", "GET", "/{a}/parts/{b}"),
    ("second", "GET", "/files/parts/{c}"),
    ("renamed", "POST", "/{x}/parts/{y}"),
]
ROUTER = Router([Operation(name, method, path, bases=("/v1",)) for name, method, path in PATHS])


def found(method, target, router=ROUTER):
    """The id and the values that a target leads to."""
    route = router.find(method, target)
    return route.operation and route.operation.id, dict(route.path_values)


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("GET", "/v1/models", ("listModels", {})),
        ("GET", "/models", ("listModels", {})),
        ("get", "/v1/models", ("listModels", {})),
        ("GET", "/v1/models?limit=2", ("listModels", {})),
        ("GET", "/v1/models#top", ("listModels", {})),
        ("GET", "https://api.example.com/v1/models?a=/x", ("listModels", {})),
        ("GET", "http://[::1]:8000/v1/models", ("listModels", {})),
        ("HEAD", "/v1/models", ("listModels", {})),
        ("HEAD", "/v1/models/m", ("retrieveModel", {"model": "m"})),
        ("HEAD", "/v1/files/f/content", ("headFile", {"file_id": "f"})),
        ("GET", "/v1/models/a%2Fb%20c", ("retrieveModel", {"model": "a%2Fb%20c"})),
        ("DELETE", "/v1/models/a", ("deleteModel", {"model": "a"})),
        ("GET", "/v1/files/f-1/content", ("downloadFile", {"file_id": "f-1"})),
        ("POST", "/v1/files/search", ("searchFiles", {})),
        ("GET", "/v1/files/search", ("retrieveFile", {"file_id": "search"})),
        ("GET", "/v1/exports/2026-08.json", ("exportDay", {"year": "2026", "month": "08"})),
        ("GET", "/v1/exports/2026-08-09.json.json", ("exportDay", {"year": "2026", "month": "08-09.json"})),
        ("GET", "/v1/exports/2026.json", ("exportAny", {"name": "2026.json"})),
        ("POST", "/v1/batches/b_1:cancel", ("cancelBatch", {"batch_id": "b_1"})),
        ("GET", "/v1/files/parts/3", ("second", {"c": "3"})),
        ("GET", "/v1/uploads/parts/3", ("first", {"a": "uploads", "b": "3"})),
        ("POST", "/v1/uploads/parts/3", ("renamed", {"x": "uploads", "y": "3"})),
        ("POST", "/openai/v1/chat/completions", ("createChatCompletion", {})),
        ("POST", "/v1/proxy/v1/chat/completions", ("createChatCompletion", {})),
        ("GET", "/a/b/c/v1/models/m", ("retrieveModel", {"model": "m"})),
        ("POST", "/v10/chat/completions", (None, {})),
        ("POST", "/openai/chat/completions", (None, {})),
        ("GET", "/v1/models/", (None, {})),
        ("GET", "/v1/models//", (None, {})),
        ("GET", "/v1/Models", (None, {})),
        ("GET", "/v1", (None, {})),
        ("GET", "", (None, {})),
        ("GET", "https://api.example.com", (None, {})),
        ("PATCH", "/v1/models", (None, {})),
    ],
)
def test_targets(method, target, expected):
    """Each target leads to its operation, with the values as sent, or to none."""
    assert found(method, target) == expected


def test_allowed_names_the_methods_of_the_path():
    """A known path tells its methods, whatever the method asked for; an unknown path tells none."""
    assert ROUTER.find("PATCH", "/v1/models").allowed == ("GET", "HEAD")
    assert ROUTER.find("PATCH", "/v1/models/m").allowed == ("DELETE", "GET", "HEAD")
    assert ROUTER.find("PATCH", "/v1/files/search").allowed == ("GET", "HEAD", "POST")
    assert ROUTER.find("POST", "/openai/v1/chat/completions").allowed == ("POST",)
    assert ROUTER.find("GET", "/v1/nothing").allowed == ()


@pytest.mark.parametrize(
    ("method", "target", "hint"),
    [
        ("GET", "/v1/models/", "/v1/models"),
        ("GET", "/v1/files/f/content/", "/v1/files/f/content"),
        ("POST", "/openai/v1/chat/completions/", "/openai/v1/chat/completions"),
        ("GET", "/v1/nothing/", ""),
        ("POST", "/v1/models/", ""),
    ],
)
def test_a_trailing_slash_is_told(method, target, hint):
    """A path that only lacks or adds a trailing slash is no match, and the matching path is the hint."""
    route = ROUTER.find(method, target)
    assert (route.operation, route.hint) == (None, hint)


def test_a_declared_trailing_slash_is_its_own_path():
    """A path declared with a trailing slash is found with it and hinted without it."""
    router = Router([Operation("list", "GET", "/items/")])
    assert found("GET", "/items/", router) == ("list", {})
    assert router.find("GET", "/items").hint == "/items/"


def test_a_full_path_wins_over_another_operations_bare_path():
    """Where one operation's path without base equals another's with base, the latter is meant."""
    bare = Operation("bare", "GET", "/v1/models", bases=("/api",))
    full = Operation("full", "GET", "/models", bases=("/v1",))
    for operations in ([bare, full], [full, bare]):
        assert found("GET", "/v1/models", Router(operations)) == ("full", {})
        assert found("GET", "/api/v1/models", Router(operations)) == ("bare", {})


def test_bases_with_variables_and_slashes():
    """A base may hold a variable or end in a slash."""
    router = Router([Operation("list", "GET", "/models", bases=("/{version}/",))])
    assert found("GET", "/v7/models", router) == ("list", {"version": "v7"})
    assert found("GET", "/models", router) == ("list", {})


def test_every_declared_path_is_found_with_any_values():
    """Whatever values fill a template, some operation of that method is found, with non-empty values."""
    counts = {"found": 0, "unknown": 0}

    @given(st.sampled_from(PATHS), st.text("abc-._~%20:", min_size=1, max_size=8), st.booleans())
    def check(entry, value, broken):
        _, method, path = entry
        filled = "/".join(value if "{" in s and "." not in s and ":" not in s else s for s in path.split("/"))
        filled = filled.replace("{year}", value).replace("{month}", value).replace("{batch_id}", value)
        route = ROUTER.find(method, f"/v1{filled}{'/x/y/z' if broken else ''}")
        assert (route.operation is None) is broken
        assert all(route.path_values.values())
        counts["unknown" if broken else "found"] += 1

    check()
    assert min(counts.values()) >= 10, counts


def test_hostile_targets_take_no_time():
    """Long targets of separators and repeated bases are answered at once."""
    start = perf_counter()
    for target in (
        "/v1/exports/" + "-" * 50_000,
        "/v1" * 20_000 + "/x",
        "/" * 50_000,
        "/v1/exports/" + "-.json" * 9000,
    ):
        ROUTER.find("GET", target)
    assert perf_counter() - start < 1


def test_the_hot_path_is_two_lookups():
    """A path without variables is found in well under a microsecond or two, even on a busy machine."""
    start = perf_counter()
    for _ in range(20_000):
        ROUTER.find("POST", "/v1/chat/completions")
    assert (perf_counter() - start) / 20_000 < 3e-6
