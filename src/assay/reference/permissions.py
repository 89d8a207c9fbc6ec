"""Permissions: which projects may use a checkpoint of a fine-tuned model.

The rule of this module: a permission is for a checkpoint that exists, and is listed until it is deleted.
"""

from __future__ import annotations

from typing import Any

from assay.reference.models import MODELS
from assay.reference.pages import page
from assay.reference.replies import Call, Refusal, Reply
from assay.reference.text import Source

__all__ = ["create_permissions", "delete_permission", "list_permissions"]

_SHELF = "checkpoint permissions"


def list_permissions(call: Call) -> Reply:
    """Answer ``GET /fine_tuning/checkpoints/{fine_tuned_model_checkpoint}/permissions``."""
    name, project = _checkpoint(call), call.query.get("project_id")
    found = [shown for of, shown in call.store.shelf(_SHELF).all() if of == name]
    found = [shown for shown in found if not project or shown["project_id"] == project]
    return Reply(page(call, found, "permission", size=10))


def create_permissions(call: Call) -> Reply:
    """Answer ``POST /fine_tuning/checkpoints/{fine_tuned_model_checkpoint}/permissions``."""
    name = _checkpoint(call)
    made: list[dict[str, Any]] = []
    for number, project in enumerate(call.value["project_ids"]):
        serial = Source("permission", [call.serial, number]).name(24)
        shown = {
            "object": "checkpoint.permission",
            "id": f"cp_{serial}",
            "created_at": call.now,
            "project_id": project,
        }
        call.store.shelf(_SHELF).put(shown["id"], (name, shown))
        made.append(shown)
    ends = {"first_id": made[0]["id"], "last_id": made[-1]["id"]} if made else {"first_id": None, "last_id": None}
    return Reply({"object": "list", "data": made, **ends, "has_more": False})


def delete_permission(call: Call) -> Reply:
    """Answer ``DELETE /fine_tuning/checkpoints/{fine_tuned_model_checkpoint}/permissions/{permission_id}``."""
    name, permission = _checkpoint(call), call.names["permission_id"]
    kept = call.store.shelf(_SHELF).get(permission)
    if kept is None or kept[0] != name:
        text = "The permission of this path does not exist here."
        raise Refusal(404, text, param="permission_id", code="permission_not_found")
    call.store.shelf(_SHELF).remove(permission)
    return Reply({"object": "checkpoint.permission", "id": permission, "deleted": True})


def _checkpoint(call: Call) -> str:
    name = call.names["fine_tuned_model_checkpoint"]
    if name in MODELS or call.store.shelf("models").get(name) is None:
        text = "The checkpoint of this path does not exist here."
        raise Refusal(404, text, param="fine_tuned_model_checkpoint", code="checkpoint_not_found")
    return name
