"""Embeddings of token ids, in every way that JSON writes whole numbers."""

from __future__ import annotations

import orjson
import pytest

from assay.adapters.send import Sender
from assay.adapters.serve import serve
from assay.messages import Request
from assay.reference.server import application


@pytest.mark.parametrize(("given", "count"), [([7.0, 8], 1), ([7, 8.0], 1), ([[7.0], [8, 9]], 2)])
def test_whole_numbers_with_a_fraction_of_zero_are_token_ids(given, count):
    """7.0 is an integer in JSON Schema, so it is served as one."""
    body = orjson.dumps({"input": given, "model": "text-embedding-3-small"})
    with serve(application()) as url:
        response = Sender(url)(Request("POST", "/v1/embeddings", {"content-type": "application/json"}, body))
    assert response.status == 200
    assert len(orjson.loads(response.body)["data"]) == count
