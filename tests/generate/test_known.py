"""Ids of what really exists go where a request names something of their kind, and nowhere else."""

from __future__ import annotations

from assay.generate.known import item_path, put_known


def test_ids_go_where_their_names_stand() -> None:
    """A property of the name gets the id, its plural a list of it; other types and other names stay."""
    value = {"file_id": "made up", "file_ids": ["a", "b"], "tools": [{"file_id": "c"}], "thread_id": "d", "name": "e"}
    put_known(value, {"file_id": "file-1"})
    assert value == {
        "file_id": "file-1", "file_ids": ["file-1"], "tools": [{"file_id": "file-1"}], "thread_id": "d", "name": "e",
    }  # fmt: skip
    schema = {"properties": {"file_id": {"type": "string"}}, "file_ids": [], "file_id": None}
    put_known(schema, {"file_id": "file-1"})
    assert schema == {"properties": {"file_id": {"type": "string"}}, "file_ids": [], "file_id": None}


def test_an_object_is_named_by_its_path() -> None:
    """The path as far as the parameter tells objects of one parameter's name apart."""
    assert item_path("/batches/{batch_id}/cancel", "batch_id") == "/batches/{}"
    path = "/vector_stores/{vector_store_id}/file_batches/{batch_id}"
    assert item_path(path, "batch_id") == "/vector_stores/{}/file_batches/{}"
    assert item_path(path, "vector_store_id") == "/vector_stores/{}"
