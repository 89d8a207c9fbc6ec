"""Every fault of the reference server shows in an exchange, and the honest server passes the same test."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from player import FLOWS, HERE, KEY, Exchange, at, play

import assay
from assay.conformance.checks import Exchange as Judged
from assay.conformance.checks import judge
from assay.errors import UsageError
from assay.reference.faults.application import Faulty
from assay.reference.faults.fault import GROUPS, applies
from assay.reference.faults.registry import FAULTS, find
from assay.reference.server import application

WITNESSES = yaml.safe_load((HERE / "flows.yaml").read_text(encoding="utf-8"))["witnesses"]
CLASSES = 47
PLAYED: dict[str, list[Exchange]] = {}


@pytest.fixture(scope="module")
def contract() -> assay.Contract:
    """The bundled contract."""
    return assay.load("openai")


def server(contract, *names):
    """The reference server with some faults."""
    return Faulty(application(judge=contract, key=KEY), map(find, names), contract, key=KEY)


def honest(contract, flow: str) -> list[Exchange]:
    """The exchanges of a flow on the honest server, played once."""
    if flow not in PLAYED:
        PLAYED[flow] = play(server(contract), flow)
    return PLAYED[flow]


def told(contract, exchange: Exchange) -> dict[str, str]:
    """The rules that tell something of an exchange, with their severities."""
    operation = contract.find(exchange.request)
    flaws = [v for v in contract.check_request(exchange.request).violations if v.severity == "violation"]
    judged = Judged(operation, exchange.request, exchange.response, flaw=flaws[0] if flaws else None)
    return {violation.rule: violation.severity for violation in judge(contract, judged).violations}


def seen(exchange: Exchange, name: str) -> Any:
    """What an exchange shows under a name of the table."""
    response = exchange.response
    if name == "status":
        return response.status
    if name == "allow":
        return response.headers.get("allow")
    if name == "content":
        return response.body.decode()
    if name == "lines":
        return len(response.body.splitlines())
    whole, _, path = name.partition(".")
    if name == "text" or whole == "events":
        return streamed(exchange, path)
    if whole in ("body", "first"):
        return at(exchange.value if whole == "body" else json.loads(response.body.splitlines()[0]), path)
    if name.endswith(".#"):
        found = at(exchange.value, name.removesuffix(".#"))
        return len(found) if isinstance(found, list) else found
    return at(exchange.value, name)


def streamed(exchange: Exchange, path: str) -> Any:
    """What is at a path of the events of a stream, or its text."""
    events = [json.loads(data) for data in exchange.events if data.startswith("{")]
    if not path:
        return "".join(event["choices"][0]["delta"].get("content") or "" for event in events)
    found = at(events, path.removesuffix(".#"))
    return len(found) if path.endswith(".#") and isinstance(found, list) else found


def holds(exchanges: list[Exchange], name: str, wanted: Any) -> bool:
    """Whether the last exchange shows what the table wants."""
    got = seen(exchanges[-1], name)
    text = wanted if isinstance(wanted, str) else ""
    if text.startswith("="):
        number, _, path = text[1:].partition(".")
        return got == at(exchanges[int(number)].value, path)
    if text.startswith("not "):
        number, _, path = text[4:].partition(".")
        other = at(exchanges[int(number)].value, path) if number.isdigit() else text[4:]
        return got not in (..., other, 0.0)
    return got == wanted


def test_there_are_faults_of_every_group_and_every_class():
    """120 faults and more, some of each group, each class of defect of real servers, each with a witness."""
    assert len(FAULTS) >= 120
    assert {fault.group for fault in FAULTS.values()} == set(GROUPS)
    assert {fault.source for fault in FAULTS.values()} - {None} == set(range(1, CLASSES + 1))
    assert WITNESSES.keys() == FAULTS.keys()
    assert {witness["of"] for witness in WITNESSES.values()} <= FLOWS.keys()


def test_faults_name_operations_that_exist(contract):
    """Every pattern of a fault is one of operations of the contract, or means the paths of none."""
    ids = ["-", *(operation.id for operation in contract.operations)]
    for fault in FAULTS.values():
        for pattern in fault.change.on.split():
            assert any(applies(pattern, one) for one in ids), (fault.name, pattern)


def test_names_and_sentences_are_for_people():
    """A name is in kebab case, a sentence is one, and no two faults share either."""
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for name in FAULTS)
    sentences = [fault.sentence for fault in FAULTS.values()]
    assert all(sentence[0].isupper() and sentence.endswith(".") for sentence in sentences)
    assert len(set(sentences)) == len(sentences)


def test_an_unknown_fault_is_told_with_those_that_are_meant():
    """A name that is nearly right is answered with the right one, any other with where they are listed."""
    with pytest.raises(UsageError, match="did you mean chat-object-missing"):
        find("chat-object-mising")
    with pytest.raises(UsageError, match="assay faults"):
        find("zzz")


@pytest.mark.parametrize("name", FAULTS)
def test_the_fault_shows_and_the_honest_server_passes(contract, name):
    """What the table says of the last exchange is true of the honest server and false of the faulty one."""
    witness = WITNESSES[name]
    right, wrong = honest(contract, witness["of"]), play(server(contract, name), witness["of"])
    if "told" in witness:
        assert not told(contract, right[-1])
        assert told(contract, wrong[-1]).get(witness["told"]) == ("hazard" if find(name).hazard else "violation")
        return
    assert all(holds(right, at_, wanted) for at_, wanted in witness["is"].items())
    assert not all(holds(wrong, at_, wanted) for at_, wanted in witness["is"].items())


@pytest.mark.parametrize("flow", FLOWS)
def test_without_a_fault_nothing_changes(contract, flow):
    """Without faults the server around the honest one answers every flow byte for byte as the honest one does."""
    plain = play(application(judge=contract, key=KEY), flow)
    assert [(e.response.status, e.response.body) for e in plain] == [
        (e.response.status, e.response.body) for e in honest(contract, flow)
    ]
