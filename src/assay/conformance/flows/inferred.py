"""The flows of a run: those of the table, and lives of resources that the paths of a description show.

The rule of this module: a resource is a collection that is posted to and whose objects have paths of their own; where
nobody wrote down a body for it, the simplest valid one is made. What came first is played first: everything is made
before anything is deleted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from assay.conformance.flows.lives import Resource, first_life, second_life
from assay.conformance.flows.steps import Flow, Index, shape
from assay.conformance.flows.table import RESOURCES, begun, ended, legacy, texts
from assay.generate.cases import CaseMaker
from assay.generate.dials import DIALS
from assay.generate.subjects import default_body
from assay.wire.media import is_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.contract import Contract
    from assay.model import Api, Operation

__all__ = ["flows"]

_NO_BODY: dict[str, Any] = {}


def flows(contract: Contract, model: str) -> tuple[tuple[Flow, ...], tuple[Flow, ...]]:
    """All flows for a description, those first that make what others need, then those that change and delete it.

    ``model`` writes the answers that they ask for.
    """
    index = Index(contract.api)
    known = [resource for resource in RESOURCES if index.get("POST", resource.path) is not None]
    taken = {
        shape(step.path)
        for flow in (*begun(model), *texts(), *legacy())
        for step in flow.steps
        if step.method == "POST"
    }
    taken |= {shape(resource.path) for resource in known}
    known += [_bodied(contract, one) for one in _inferred(contract.api, index) if shape(one.path) not in taken]
    made = (*(first_life(resource) for resource in known), *begun(model), *texts(), *ended(model))
    return made, (*(second_life(resource, index) for resource in known), *legacy())


def _inferred(api: Api, index: Index) -> Iterator[Resource]:
    """The collections whose objects can be retrieved; those of a resource above others come first."""
    for operation in sorted(api.operations, key=lambda one: one.path.count("/")):
        head, _, tail = operation.path.rpartition("/")
        if operation.method != "GET" or not tail.startswith("{") or not tail.endswith("}"):
            continue
        if index.get("POST", head) is not None:
            yield Resource(head, tail[1:-1], change=_NO_BODY)


def _bodied(contract: Contract, resource: Resource) -> Resource:
    """A resource with the simplest body that makes one, where it needs one."""
    operation = Index(contract.api).get("POST", resource.path)
    if operation is None or operation.body is None or not operation.body.required:
        return resource
    return replace(resource, body=_simplest(contract, operation))


def _simplest(contract: Contract, operation: Operation) -> Any:
    maker = CaseMaker(contract.schemas, operation)
    written = default_body(maker, DIALS) if maker.possible else None
    return written.value if written is not None and is_json(written.content_type) else None
