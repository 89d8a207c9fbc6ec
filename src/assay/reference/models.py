"""The models that the reference server offers, and the operations on them.

The rule of this module: what is listed is what is accepted; a name that is not listed is refused everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.reference.replies import Call, Refusal, Reply

if TYPE_CHECKING:
    from assay.reference.store import Store

__all__ = ["MODELS", "Model", "delete_model", "find", "list_models", "offered", "retrieve_model"]

_CREATED = 1_735_689_600  # 2025-01-01


@dataclass(frozen=True, slots=True)
class Model:
    """One model: ``kind`` is what it can be used for, ``size`` the length of an embedding model's vectors.

    ``also`` is a second use, ``owner`` who made it, ``created`` when (seconds since 1970).
    """

    id: str
    kind: str
    size: int = 0
    also: str = ""
    owner: str = "assay"
    created: int = _CREATED

    def shown(self) -> dict[str, Any]:
        """Return the model as the API shows it."""
        return {"id": self.id, "object": "model", "created": self.created, "owned_by": self.owner}


MODELS = {
    model.id: model
    for model in (
        Model("assay-chat", "chat"),
        Model("assay-text", "completion"),
        Model("assay-embedding", "embedding", 1536),
        Model("assay-image", "image"),
        Model("assay-moderation", "moderation"),
        Model("assay-audio", "speech", also="transcription"),
        Model("gpt-4o", "chat"),
        Model("gpt-4o-mini", "chat"),
        Model("gpt-4.1", "chat"),
        Model("gpt-4.1-mini", "chat"),
        Model("gpt-5", "chat"),
        Model("gpt-5-mini", "chat"),
        Model("gpt-3.5-turbo", "chat"),
        Model("o4-mini", "chat"),
        Model("gpt-3.5-turbo-instruct", "completion"),
        Model("davinci-002", "completion"),
        Model("text-embedding-3-small", "embedding", 1536),
        Model("text-embedding-3-large", "embedding", 3072),
        Model("text-embedding-ada-002", "embedding", 1536),
        Model("gpt-image-1", "image"),
        Model("gpt-image-1.5", "image"),
        Model("dall-e-2", "image"),
        Model("dall-e-3", "image"),
        Model("gpt-4o-mini-tts", "speech"),
        Model("tts-1", "speech"),
        Model("whisper-1", "transcription"),
        Model("gpt-transcribe", "transcription"),
        Model("gpt-4o-transcribe", "transcription"),
        Model("gpt-4o-transcribe-diarize", "transcription"),
        Model("omni-moderation-latest", "moderation"),
        Model("text-moderation-latest", "moderation"),
    )
}


def offered(store: Store | None) -> dict[str, Model]:
    """Return all models by their ids: those that are always there, and those that were fine-tuned."""
    return MODELS if store is None else {**MODELS, **{model.id: model for model in store.shelf("models").all()}}


def find(name: str, kind: str, store: Store | None = None) -> Model:
    """Return the model that a body names; refuse one that is not there or is of another kind.

    With a ``store``, the models that were fine-tuned are there too.
    """
    model = offered(store).get(name)
    if model is None:
        raise Refusal(404, "The model in 'model' does not exist here.", param="model", code="model_not_found")
    if kind not in (model.kind, model.also):
        text = f"The model in 'model' serves {model.kind}, not {kind}."
        raise Refusal(404, text, param="model", code="model_not_found")
    return model


def list_models(call: Call) -> Reply:
    """Answer ``GET /models``."""
    return Reply({"object": "list", "data": [model.shown() for model in offered(call.store).values()]})


def retrieve_model(call: Call) -> Reply:
    """Answer ``GET /models/{model}``."""
    return Reply(_named(call).shown())


def delete_model(call: Call) -> Reply:
    """Answer ``DELETE /models/{model}``: only fine-tuned models may be deleted."""
    model = _named(call)
    if model.id in MODELS:
        text = "Only a fine-tuned model of your own can be deleted."
        raise Refusal(403, text, param="model", code="model_not_deletable")
    call.store.shelf("models").remove(model.id)
    return Reply({"id": model.id, "object": "model", "deleted": True})


def _named(call: Call) -> Model:
    model = offered(call.store).get(call.names["model"])
    if model is None:
        raise Refusal(404, "The model of this path does not exist here.", param="model", code="model_not_found")
    return model
