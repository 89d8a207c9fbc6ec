"""Recorded traffic of assistants, threads, runs and vector stores is valid by our description and its rules."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter

import assay
from assay.messages import Request, Response

OURS = re.compile(r"/v1/(assistants|threads|vector_stores)\b")
FRAMING = ("content-encoding", "transfer-encoding", "content-length")


def test_recorded_exchanges_are_valid_and_broken_ones_are_not(shared) -> None:
    """Each request and response passes, and each response without its id is told."""
    contract = assay.load("openai")
    counted: Counter[str] = Counter()
    with gzip.open(shared / "traffic" / "openai.jsonl.gz", "rt", encoding="utf-8") as lines:
        for exchange in map(json.loads, lines):
            if not OURS.match(exchange["path"]):
                continue
            target = exchange["path"] + (f"?{exchange['query']}" if exchange["query"] else "")
            headers = {k: v for k, v in exchange["response_headers"].items() if k not in FRAMING}
            sent = (exchange["request_body"] or "").encode()
            request = Request(exchange["method"], target, exchange["request_headers"], sent)
            response = Response(exchange["status"], headers, exchange["response_body"].encode())
            found = [
                *contract.check_request(request).violations,
                *contract.check_response(request, response).violations,
            ]
            assert not found, (request, [str(violation) for violation in found])
            counted["valid"] += 1
            broken = Response(
                exchange["status"], headers, exchange["response_body"].replace('"object"', '"objekt"').encode()
            )
            counted["broken"] += not contract.check_response(request, broken).ok
    assert counted == {"valid": 46, "broken": 46}
