"""References between files and objects: followed, refused, or an error with its pointer."""

from __future__ import annotations

import json

import jsonschema_rs
import pytest

from assay.errors import DescriptionError, ReferenceRefused
from assay.spec.load import load_api


def write(folder, **files):
    """Write files (``__`` in a name is a dot, ``_S_`` a slash); return the path of openapi.yaml."""
    for name, text in files.items():
        path = folder / name.replace("_S_", "/").replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
    return folder / "openapi.yaml"


def description(**components):
    """A description with these components."""
    return {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {}, "components": components}


def one_path(schema):
    """A description with one operation whose body has this schema."""
    body = {"content": {"application/json": {"schema": schema}}}
    return {
        "openapi": "3.0.3",
        "info": {"title": "t", "version": "1"},
        "paths": {"/a": {"post": {"requestBody": body}}},
    }


def validator(api, reference):
    """Compile a schema reference, offline."""
    registry = jsonschema_rs.Registry(list(api.documents.items()))
    return jsonschema_rs.Draft202012Validator({"$ref": reference}, registry=registry)


def body_of(api):
    """Compile the body of the first operation."""
    return validator(api, api.operations[0].body.contents[0].schema)


def test_every_file_that_is_reached_is_collected_and_converted(tmp_path) -> None:
    """Schemas in other files, reached only from schemas, become 2020-12 and resolve offline."""
    path = write(
        tmp_path,
        openapi__yaml=one_path({"$ref": "schemas/pet.yaml"}),
        schemas_S_pet__yaml=(
            "type: object\nproperties:\n  tag: {$ref: '../defs.yaml#/Tag'}\n  next: {$ref: 'pet.yaml'}\n"
        ),
        defs__yaml="Tag: {type: string, nullable: true}\nUnused: {type: string, nullable: true}\n",
    )
    api = load_api(path, cache=False)
    assert set(api.documents) == {"file:///openapi.yaml", "file:///schemas/pet.yaml", "file:///defs.yaml"}
    check = body_of(api)
    assert check.is_valid({"tag": None, "next": {"tag": "a"}})
    assert not check.is_valid({"next": {"tag": 1}})
    assert api.documents["file:///defs.yaml"]["Unused"] == {"type": "string", "nullable": True}


def test_whole_objects_may_stand_in_other_files(tmp_path) -> None:
    """Path items, operations' parameters, bodies, responses and headers are followed across files."""
    path = write(
        tmp_path,
        openapi__yaml=(
            "openapi: 3.1.0\ninfo: {title: t, version: '1'}\n"
            "paths:\n  /a/{id}:\n    $ref: paths/a.yaml\n    parameters: [{name: q, in: query, schema: {}}]\n"
        ),
        paths_S_a__yaml=(
            "get:\n  parameters:\n  - $ref: ../parts.yaml#/id\n  requestBody: {$ref: ../parts.yaml#/body}\n"
            "  responses:\n    200: {$ref: ../parts.yaml#/ok}\n"
        ),
        parts__yaml=(
            "id: {name: id, in: path, required: true, schema: {type: string, nullable: true}}\n"
            "body: {content: {text/plain: {schema: {$ref: '#/text'}}}}\ntext: {type: string}\n"
            "ok: {headers: {X-A: {$ref: '#/head'}}}\nhead: {schema: {type: integer}}\n"
        ),
    )
    api = load_api(path, cache=False)
    (operation,) = api.operations
    assert {p.name for p in operation.parameters} == {"id", "q"}
    assert operation.parameters[1].schema == "file:///parts.yaml#/id/schema"
    assert operation.body.contents[0].schema == "file:///parts.yaml#/body/content/text~1plain/schema"
    assert operation.answers[0].headers[0].schema == "file:///parts.yaml#/head/schema"
    assert validator(api, operation.parameters[1].schema).is_valid(None)
    assert operation.pointer == "file:///paths/a.yaml#/get"


def test_names_with_odd_characters_resolve(tmp_path) -> None:
    """Spaces, braces, slashes, tildes and percent signs in file names and pointers resolve offline."""
    path = write(
        tmp_path,
        **{
            "openapi__yaml": one_path({"$ref": "a b.yaml#/x{y}~1~0/100%25"}),
            "a b__yaml": "x{y}/~: {100%: {type: integer}}",
        },
    )
    check = body_of(load_api(path, cache=False))
    assert check.is_valid(1)
    assert not check.is_valid("a")


@pytest.mark.parametrize(
    "reference",
    [
        "../secret.yaml",
        "a/../../secret.yaml#/x",
        "/etc/hostname",
        "file:///etc/hostname",
        "file://server/x",
        "link.yaml",
        "https://example.com/x.yaml",
        "http://127.0.0.1:9/x",
        "ftp://example.com/x",
        "//example.com/x",
        "%2e%2e/secret.yaml",
    ],
)
@pytest.mark.parametrize("kind", ["schema", "object"])
def test_what_leads_out_is_refused_by_name(tmp_path, reference, kind) -> None:
    """A file outside the folder, by any spelling or link, and any URL is refused, with pointer and remedy."""
    (tmp_path / "secret.yaml").write_text("type: string")
    folder = tmp_path / "api"
    root = one_path({"$ref": reference})
    if kind == "object":
        root["paths"] = {"/a": {"post": {"requestBody": {"$ref": reference}}}}
    path = write(folder, openapi__yaml=root)
    (folder / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    with pytest.raises(ReferenceRefused) as caught:
        load_api(path, cache=False)
    assert caught.value.pointer.startswith("#/paths/~1a/post/requestBody")
    assert caught.value.pointer.endswith("/$ref")
    assert "allow" in str(caught.value) or "never" in str(caught.value)


def test_what_is_allowed_by_name_is_read(tmp_path) -> None:
    """An allowed file, folder, or URL with its local copy is read, and what it refers to inside is too."""
    write(
        tmp_path / "common", types__yaml="Id: {$ref: 'more.yaml#/M'}", more__yaml="M: {type: integer, nullable: true}"
    )
    path = write(tmp_path / "api", openapi__yaml=one_path({"$ref": "../common/types.yaml#/Id"}))
    check = body_of(load_api(path, cache=False, allow=[tmp_path / "common"]))
    assert check.is_valid(None)
    assert not check.is_valid("a")
    with pytest.raises(ReferenceRefused, match=r"more\.yaml"):
        load_api(path, cache=False, allow=[str(tmp_path / "common" / "types.yaml")])
    path = write(tmp_path / "net", openapi__yaml=one_path({"$ref": "https://example.com/types.yaml#/M"}))
    api = load_api(path, cache=False, allow=[f"https://example.com/types.yaml={tmp_path / 'common' / 'more.yaml'}"])
    assert not body_of(api).is_valid("a")


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        (description(schemas={"A": {"$ref": "#/components/schemas/B"}}), "#/components/schemas/A/$ref"),
        (description(schemas={"A": {"items": {"$ref": "#/nowhere"}}}), "#/components/schemas/A/items/$ref"),
        (description(schemas={"A": {"$ref": "#nowhere"}}), "#/components/schemas/A/$ref"),
        (description(schemas={"A": {"$ref": 3}}), "#/components/schemas/A/$ref"),
        (description(schemas={"A": {"$ref": "#/info/title"}}), "#/components/schemas/A/$ref"),
        (description(schemas={"A": {"$ref": "none.yaml"}}), "#/components/schemas/A/$ref"),
        (description(schemas={"A": {"properties": {"b": 3}}}), "#/components/schemas/A/properties/b"),
        (description(schemas={"A": {"allOf": {}}}), "#/components/schemas/A/allOf"),
        (description(responses={"A": {"$ref": "#/components/responses/A"}}), "#/components/responses/A/$ref"),
        (description(parameters={"A": {"$ref": "#/x"}}), "#/components/parameters/A/$ref"),
        (description(schemas={"A": {"$ref": "#/components/schemas/A"}}), "#/components/schemas/A/$ref"),
    ],
)
def test_a_reference_that_leads_nowhere_is_an_error_with_its_pointer(tmp_path, document, pointer) -> None:
    """A missing target, a target of the wrong kind and a circle of references name the place of the $ref."""
    with pytest.raises(DescriptionError) as caught:
        load_api(write(tmp_path, openapi__yaml=document), cache=False)
    assert caught.value.pointer == pointer


def test_circles_of_references_alone_are_refused_and_recursion_is_not() -> None:
    """A leads to B leads to A admits no reading; a tree that contains itself does."""
    circle = {"A": {"$ref": "#/components/schemas/B"}, "B": {"$ref": "#/components/schemas/A"}}
    with pytest.raises(DescriptionError, match="circle"):
        load_api(description(schemas=circle))
    items = {"type": "array", "items": {"$ref": "#/components/schemas/A"}}
    api = load_api(description(schemas={"A": items, "C": {"$ref": "#/components/schemas/A"}}))
    check = validator(api, f"{api.root}#/components/schemas/C")
    assert check.is_valid([[[]]])
    assert not check.is_valid([[1]])


def test_callbacks_that_return_to_their_own_path_end() -> None:
    """A path item that its own callback refers to is legal, and loading it ends."""
    item = {"post": {"callbacks": {"on": {"{$request.body#/url}": {"$ref": "#/paths/~1a"}}}}}
    api = load_api({"openapi": "3.1.0", "info": {}, "paths": {"/a": item}})
    assert [operation.id for operation in api.operations] == ["POST /a"]
