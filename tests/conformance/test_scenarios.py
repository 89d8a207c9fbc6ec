"""Feature scenarios: names are filled in, and what goes on from an earlier answer is sent only after one."""

from __future__ import annotations

import orjson
import pytest
from in_process import Quiet, in_process, json_of, refusal, run_on, told, with_json

from assay.conformance import plan
from assay.conformance.pace import Clock
from assay.conformance.result import Options, Result, Target
from assay.conformance.run import run
from assay.conformance.scenarios import EARLIER, SCENARIOS
from assay.conformance.scenes import scenes
from assay.messages import Response
from assay.reference.server import application
from assay.wire.parts import split_parts


def sent_to(contract, body):
    """Send few requests to a server that gives one answer to everything; return the bodies that it got."""
    bodies = []

    def send(request):
        bodies.append(request.body)
        return Response(200, [("content-type", "application/json")], body)

    result = Result(Options(requests=20, seed=0, operations=("createResponse",)))
    run(contract, Target(send, lambda target: target, None), result, Quiet(), clock=Clock(sleep=lambda _: None))
    return bodies


def operation_of(contract, path, method="POST"):
    """The operation of a path."""
    return next(o for o in contract.api.operations if (o.method, o.path) == (method, path))


def named(contract, path, *models):
    """The scenes of an operation by their names."""
    return {scene.name: scene for scene in scenes(contract.check_request, operation_of(contract, path), models)}


def fields(request):
    """What a request asks for: the properties of its JSON, or the fields of its form."""
    kind = request.headers.content_type
    if kind == "application/json":
        return orjson.loads(request.body)
    return {part.name: part.data.decode() for part in split_parts(request.body, kind) if part.filename is None}


def model_refusing(honest, test, status=400):
    """A server that refuses chat requests, or fails at them, where a test holds of their body; counts all of chat."""
    bodies = []

    def send(request):
        value = json_of(request)
        if request.target.endswith("/chat/completions") and isinstance(value, dict):
            bodies.append(value)
            if honest(request).status == 200 and test(value):
                return refusal(status, "invalid input here", "invalid_value")
        return honest(request)

    return send, bodies


@pytest.fixture(scope="module")
def honest(contract):
    """The reference server, without a socket."""
    return in_process(application(judge=contract))


def test_every_scenario_is_a_valid_request(contract) -> None:
    """Every body of the table, and those of all parts, is one that the bundled contract admits for a free model."""
    for (method, path), rows in SCENARIOS.items():
        operation = operation_of(contract, path, method)
        made = [*scenes(contract.check_request, operation, ("some-model",))]
        assert [scene.name for scene in made] == [row.name for row in rows]
        assert [[part.name for part in scene.parts] for scene in made] == [
            [part.name for part in row.parts] for row in rows
        ]
        for part in (part for scene in made for part in (scene, *scene.parts)):
            assert contract.check_request(part.request).ok, (path, part.name)


def test_names_are_told_once_and_a_whole_holds_its_parts() -> None:
    """No two scenarios of an operation share a name, and what a part asks for beyond the first, the whole does too."""
    wholes = 0
    for rows in SCENARIOS.values():
        names = [one.name for row in rows for one in (row, *row.parts)]
        assert len(names) == len(set(names))
        for row in (row for row in rows if row.parts):
            wholes += 1
            whole, plain = row.bodies[0], rows[0].bodies[0]
            for part in row.parts:
                asked = part.bodies[0].keys() - plain.keys() - {"user"}
                assert asked <= whole.keys(), (row.name, part.name)
    assert wholes >= 8


def test_a_model_gets_what_it_can_do(contract) -> None:
    """What the contract does not let one model have is asked in other words, of another model, in parts, or not."""
    images, speech, heard = "/images/generations", "/audio/speech", "/audio/transcriptions"
    old, new = named(contract, images, "dall-e-2"), named(contract, images, "gpt-image-1")
    assert fields(old["two of one size"].request)["size"] == "256x256"
    assert "stream" not in old
    assert fields(new["two of one size"].request)["size"] == "1536x1024"
    assert [part.name for part in new["two of one size"].parts] == ["n", "size"]
    assert named(contract, images, "dall-e-3").keys() == {"minimal", "size", "base64"}
    assert fields(named(contract, images, "dall-e-2", "gpt-image-1")["stream"].request)["model"] == "gpt-image-1"
    assert "stream" not in named(contract, speech, "tts-1")
    assert fields(named(contract, speech, "tts-1", "gpt-4o-mini-tts")["stream"].request)["model"] == "gpt-4o-mini-tts"
    assert "stream" not in named(contract, heard, "whisper-1")
    both = named(contract, heard, "whisper-1", "gpt-4o-transcribe")
    assert fields(both["verbose JSON"].request)["model"] == "whisper-1"
    assert fields(both["stream"].request) == {"model": "gpt-4o-transcribe", "stream": "true"}


def test_models_are_chosen_by_what_they_are_for() -> None:
    """Speech gets what speaks, and transcriptions what listens; what is called audio comes last, text gets none."""
    listed = ("gpt-4o-audio-preview", "gpt-4o", "tts-1", "whisper-1")
    assert plan.candidates(listed, "/audio/speech") == ("tts-1", "gpt-4o-audio-preview", "gpt-4o")
    assert plan.candidates(listed, "/audio/translations") == ("whisper-1", "gpt-4o-audio-preview", "gpt-4o")
    assert plan.candidates(listed, "/chat/completions") == ("gpt-4o",)
    assert plan.fitting(listed, "/audio/speech") == ("tts-1", "gpt-4o-audio-preview")
    assert plan.candidates((), "/audio/transcriptions") == ("whisper-1",)


def test_features_that_are_accepted_together_cost_one_request(contract, honest) -> None:
    """The honest server is asked for many features at once, and for none of them alone."""
    send, bodies = model_refusing(honest, lambda _: False)
    result = run_on(contract, send, operations=("createChatCompletion",), requests=20)
    assert not len(result.findings), told(result)
    many = [body for body in bodies if len(body["messages"]) > 5]
    assert len(many) == 1
    assert [message["role"] for message in many[0]["messages"]][:2] == ["system", "developer"]
    assert not [body for body in bodies if len(body["messages"]) == 2]
    assert result.tallies["createChatCompletion"].accepted >= 17


REFUSED = [
    ("developer message", lambda value: value["messages"][0]["role"] == "developer" or len(value["messages"]) > 5),
    ("long text", lambda value: any(len(str(m["content"])) > 2000 for m in value["messages"])),
    ("empty content", lambda value: any(m["content"] == "" for m in value["messages"])),
    ("options given as null", lambda value: None in value.values()),
]


@pytest.mark.parametrize(("name", "test"), REFUSED, ids=[name for name, _ in REFUSED])
@pytest.mark.parametrize("status", [400, 500])
def test_what_is_refused_together_is_told_by_its_part(contract, honest, name, test, status) -> None:
    """A server that cannot do one feature gives one finding, of that feature alone, at the cost of the other parts."""
    send, bodies = model_refusing(honest, test, status)
    result = run_on(contract, send, operations=("createChatCompletion",), requests=32)
    (finding,) = result.findings
    assert finding.exchange.scenario == name, told(result)
    if status == 400:
        assert finding.violation.expected == f"acceptance of a valid request ({name})"
    assert len([body for body in bodies if len(body["messages"]) > 5]) == 1


def test_what_is_refused_only_together_is_told_as_that(contract, honest) -> None:
    """Where each feature alone is accepted, the finding is of all of them together, and was seen twice."""
    send, bodies = model_refusing(honest, lambda value: len(value["messages"]) > 5)
    result = run_on(contract, send, operations=("createChatCompletion",), requests=32)
    (finding,) = result.findings
    assert finding.violation.expected == "acceptance of a valid request (messages of many kinds, and nulls)"
    assert not finding.flaky
    assert len([body for body in bodies if len(body["messages"]) > 5]) == 2


def test_an_honest_refusal_of_all_together_is_no_finding(contract, honest) -> None:
    """A server that says that it has no developer messages is told to lack them, whatever else was in the request."""

    def send(request):
        value = json_of(request)
        chat = request.target.endswith("/chat/completions") and isinstance(value, dict)
        roles = {m.get("role") for m in value["messages"]} if chat else ()
        return refusal(400, "The role developer is not supported.") if "developer" in roles else honest(request)

    result = run_on(contract, send, operations=("createChatCompletion",), requests=30)
    assert not len(result.findings), told(result)
    (reason,) = result.tallies["createChatCompletion"].refusals.elements()
    assert "not support" in reason


def test_media_are_asked_of_the_models_that_fit(contract, honest) -> None:
    """A target that lists a model that speaks and one that listens gets each asked with its own, and all is well."""
    asked = []
    names = ("gpt-4o", "tts-1", "whisper-1")
    models = [{"id": name, "object": "model", "created": 1, "owned_by": "assay"} for name in names]

    def send(request):
        response = honest(request)
        if "/audio/" in request.target and response.status == 200:
            asked.append((request.target.rpartition("/")[2], fields(request)["model"]))
        return with_json(response, {"object": "list", "data": models}) if "/models" in request.target else response

    result = run_on(contract, send, operations=("/audio/speech", "/audio/transcriptions"), requests=9)
    assert not len(result.findings), told(result)
    assert set(asked) == {("speech", "tts-1"), ("transcriptions", "whisper-1")}
    assert len(asked) >= 5


def test_an_earlier_answer_is_gone_on_from(contract) -> None:
    """The id of the first answer goes into the request that needs one; without an id that request is not sent."""
    with_id = sent_to(contract, b'{"id": "resp_7"}')
    assert sum(b'"previous_response_id":"resp_7"' in body for body in with_id) >= 1
    for answer in (b'{"id": 7}', b"[]", b"no JSON"):
        without = sent_to(contract, answer)
        assert len(without) >= 10
        assert not any(EARLIER.encode() in body or b'"previous_response_id":""' in body for body in without)


def test_the_id_of_an_answer_is_read() -> None:
    """Only a success that shows an object with an id has one."""
    assert plan.identity(Response(200, [], orjson.dumps({"id": "resp_1"}))) == "resp_1"
    assert plan.identity(Response(400, [], orjson.dumps({"id": "resp_1"}))) == ""
    assert plan.identity(None) == ""
