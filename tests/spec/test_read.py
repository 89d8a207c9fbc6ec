"""Operations of OpenAPI 3.0 to 3.2 in the model."""

from __future__ import annotations

import pytest

from assay.errors import DescriptionError
from assay.spec.load import load_api


def api_of(paths=None, **fields):
    """Load a description with these paths."""
    return load_api({"openapi": "3.2.0", "info": {"title": "t", "version": "1"}, "paths": paths or {}, **fields})


def operation_of(operation, path="/a", **fields):
    """Load a description with one operation, and return that."""
    return api_of({path: {"get": operation}}, **fields).operations[0]


def parameter(name, location, **fields):
    """A parameter object."""
    return {"name": name, "in": location, "schema": {"type": "string"}, **fields}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"swagger": "2.0", "info": {}, "paths": {}}, "Swagger 2.0"),
        ({"asyncapi": "3.0.0"}, "AsyncAPI"),
        ({"overlay": "1.0.0"}, "overlay"),
        ({"discoveryVersion": "v1"}, "Google"),
        ({"info": {}}, "no openapi field"),
        ({"openapi": "4.0.0"}, r"'4\.0\.0' is not supported"),
        ({"openapi": "3.3.0"}, "not supported"),
        ({"openapi": ["3.1.0"]}, "not supported"),
        ({"openapi": None}, "not supported"),
    ],
)
def test_what_is_no_openapi_3_is_refused(document, message) -> None:
    """Another format or version is named, with what to do where there is something."""
    with pytest.raises(DescriptionError, match=message):
        load_api(document)


def test_a_version_without_quotes_is_read() -> None:
    """The version 3.1, a number in YAML, is taken as text."""
    assert load_api({"openapi": 3.1, "info": {}, "paths": {}}).openapi == "3.1"


def test_parameters_merge_and_default_by_location() -> None:
    """Operation parameters override path-level ones by name and location; styles default by location."""
    item = {
        "parameters": [
            parameter("id", "path", required=True),
            parameter("q", "query", required=True),
            parameter("X-A", "header"),
        ],
        "get": {
            "parameters": [
                parameter("q", "query"),
                parameter("c", "cookie"),
                parameter("x-a", "header", required=True),
                parameter("Authorization", "header"),
            ]
        },
    }
    found = {p.name: p for p in api_of({"/a/{id}": item}).operations[0].parameters}
    assert set(found) == {"id", "q", "c", "x-a"}
    assert {n: (p.style, p.explode, p.required) for n, p in found.items()} == {
        "id": ("simple", False, True),
        "q": ("form", True, False),
        "c": ("form", True, False),
        "x-a": ("simple", False, True),
    }


def test_parameters_by_content_and_querystring() -> None:
    """A parameter described by content knows its media type; 3.2's querystring is a location."""
    content = {"application/json": {"schema": {"type": "object"}}}
    operation = operation_of({"parameters": [{"name": "f", "in": "querystring", "content": content}]})
    (found,) = operation.parameters
    assert (found.location, found.media_type) == ("querystring", "application/json")
    assert found.schema.endswith("/parameters/0/content/application~1json/schema")


@pytest.mark.parametrize(
    ("servers", "expected"),
    [
        (None, ("",)),
        ([], ("",)),
        ([{"url": "https://api.example.com/v1/"}], ("/v1",)),
        ([{"url": "https://a.example.com"}, {"url": "/"}, {"url": "/v2"}], ("", "/v2")),
        ([{"url": "v3"}], ("/v3",)),
        (
            [
                {
                    "url": "https://{host}:{port}/{base}/x",
                    "variables": {"host": {"default": "h"}, "base": {"default": "b"}},
                }
            ],
            ("/b/x",),
        ),
    ],
)
def test_bases_are_the_paths_of_the_servers(servers, expected) -> None:
    """The path of each server's URL counts once, variables replaced by their defaults."""
    assert operation_of({}, servers=servers).bases == expected


def test_the_nearest_servers_count() -> None:
    """An operation's servers replace the path's, and those the root's."""
    item = {"servers": [{"url": "/p"}], "get": {}, "post": {"servers": [{"url": "/o"}]}}
    api = api_of({"/a": item, "/b": {"get": {}}}, servers=[{"url": "/r"}])
    assert [operation.bases for operation in api.operations] == [("/p",), ("/o",), ("/r",)]


@pytest.mark.parametrize(
    ("root", "own", "secured"),
    [
        ([{"key": []}], None, True),
        (None, None, False),
        ([{"key": []}], [], False),
        ([{"key": []}], [{}, {"key": []}], False),
        (None, [{"key": []}, {"other": []}], True),
    ],
)
def test_secured_means_that_credentials_are_required(root, own, secured) -> None:
    """An operation's security replaces the root's; an empty alternative makes credentials optional."""
    operation = {} if own is None else {"security": own}
    assert operation_of(operation, **({} if root is None else {"security": root})).secured is secured


def test_every_method_of_3_2_is_an_operation() -> None:
    """Fixed methods, query and additionalOperations all count; ids default to method and path."""
    item = {name: {} for name in ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")}
    item["additionalOperations"] = {"COPY": {"operationId": "copy"}}
    api = api_of({"/a": item})
    assert len(api.operations) == 10
    assert {operation.id for operation in api.operations} >= {"GET /a", "QUERY /a", "copy"}
    assert api.operations[-1].method == "COPY"


def test_bodies_answers_and_items() -> None:
    """Media types, item schemas, encodings, statuses and headers stand in the model as described."""
    encoding = {"image": {"contentType": "image/png, image/jpeg", "style": "form", "headers": {"X": {"schema": {}}}}}
    operation = operation_of(
        {
            "requestBody": {
                "required": True,
                "content": {"Multipart/Form-Data; x=y": {"schema": {}, "encoding": encoding}},
            },
            "responses": {
                "200": {
                    "content": {"text/event-stream": {"itemSchema": {"type": "object"}}},
                    "headers": {"X-N": {"schema": {}, "required": True}},
                },
                "4xx": {},
                "default": {"content": {"application/json": {}}},
                "x-note": {},
            },
        }
    )
    (content,) = operation.body.contents
    assert operation.body.required
    assert content.media_type == "multipart/form-data"
    assert content.encoding["image"].content_types == ("image/png", "image/jpeg")
    assert content.encoding["image"].headers[0].name == "X"
    assert [answer.status for answer in operation.answers] == ["200", "4XX", "default"]
    assert operation.answers[0].contents[0].item_schema.endswith("/itemSchema")
    assert operation.answers[0].contents[0].schema is None
    assert operation.answers[0].headers[0].required


def test_ids_are_made_unique() -> None:
    """Two operations with one operationId both stay, and a repair says how the second is called."""
    api = api_of({"/a": {"get": {"operationId": "x"}}, "/b": {"get": {"operationId": "x"}}})
    assert [operation.id for operation in api.operations] == ["x", "x (GET /b)"]
    assert "x (GET /b)" in api.repairs[0].reason


def test_a_query_string_in_a_path_is_a_repair_and_hides_nothing() -> None:
    """Both operations stay; the one that owns the path comes first, whichever was written first."""
    api = api_of(
        {"/a?b=true": {"get": {"operationId": "beta"}}, "/a": {"get": {"operationId": "plain"}}, "/c?d=1": {"get": {}}}
    )
    assert [(operation.id, operation.path, operation.query) for operation in api.operations] == [
        ("plain", "/a", ()),
        ("beta", "/a", (("b", "true"),)),
        ("GET /c?d=1", "/c", (("d", "1"),)),
    ]
    assert any("plain" in repair.reason for repair in api.repairs)


def test_path_parameters_are_brought_in_line_with_the_template() -> None:
    """A missing one is added, one too many removed, an optional one required; each is a repair."""
    operation = {"parameters": [parameter("b", "path", required=True), parameter("c", "path")]}
    api = api_of({"/{a}/{c}": {"get": operation}})
    found = {p.name: (p.required, p.schema is None) for p in api.operations[0].parameters}
    assert found == {"c": (True, False), "a": (True, True)}
    assert len(api.repairs) == 3


def test_a_parameter_with_an_empty_name_is_left_out_and_listed() -> None:
    """An editor's empty row describes nothing that could be sent; a name that is missing stays an error."""
    rows = [{"name": "", "in": "query"}, {"name": "q", "in": "query"}]
    document = {"openapi": "3.1.0", "info": {}, "paths": {"/a": {"get": {"parameters": rows}}}}
    api = load_api(document)
    assert [parameter.name for parameter in api.operations[0].parameters] == ["q"]
    assert [repair.target for repair in api.repairs] == ["#/paths/~1a/get/parameters/0"]
    del rows[0]["name"]
    with pytest.raises(DescriptionError, match="needs a name"):
        load_api(document)


def test_webhooks_are_read() -> None:
    """A webhook is an operation under its name."""
    api = api_of(webhooks={"done": {"post": {"operationId": "done"}}})
    assert [(webhook.id, webhook.path) for webhook in api.webhooks] == [("done", "done")]


@pytest.mark.parametrize(
    ("paths", "pointer"),
    [
        ({"a": {}}, "#/paths/a"),
        ({"/a": {"get": {"parameters": {}}}}, "#/paths/~1a/get/parameters"),
        ({"/a": {"get": {"parameters": [{"in": "query"}]}}}, "#/paths/~1a/get/parameters/0"),
        ({"/a": {"get": {"parameters": [{"name": "a", "in": "body"}]}}}, "#/paths/~1a/get/parameters/0/in"),
        ({"/a": {"get": {"responses": {"20": {}}}}}, "#/paths/~1a/get/responses/20"),
        ({"/a": {"get": []}}, "#/paths/~1a/get"),
        ({"/a": []}, "#/paths/~1a"),
        ([], "#/paths"),
        ({"/a": {"get": {"requestBody": {"content": []}}}}, "#/paths/~1a/get/requestBody/content"),
    ],
)
def test_what_cannot_be_read_is_an_error_with_its_pointer(paths, pointer) -> None:
    """An object of the wrong form is a DescriptionError that names its place."""
    with pytest.raises(DescriptionError) as caught:
        load_api({"openapi": "3.1.0", "info": {}, "paths": paths})
    assert caught.value.pointer == pointer
