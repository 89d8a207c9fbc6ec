"""What the parts of a request for a response ask of each other, where no schema says it.

The rule of this module: it adds what is missing and changes nothing that is there, so that a value put in on purpose
stays where it is.
"""

from __future__ import annotations

from typing import Any

__all__ = ["completed"]

_LOGPROBS = "message.output_text.logprobs"
# What a tool needs beyond its type, where it is chosen by its type alone.
_NEEDS: dict[str, dict[str, Any]] = {
    "file_search": {"vector_store_ids": ["vs_1"]},
    "computer_use_preview": {"environment": "browser", "display_width": 800, "display_height": 600},
    "code_interpreter": {"container": {"type": "auto"}},
    "mcp": {"server_url": "https://example.com/mcp"},
}


def completed(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body that offers the tools it chooses, includes the log probabilities it asks for, and says JSON."""
    body = dict(body)
    if body.get("top_logprobs") and isinstance(body.get("include") or [], list):
        include = body.get("include") or []
        body["include"] = include if _LOGPROBS in include else [*include, _LOGPROBS]
    form = body.get("text")
    if isinstance(form, dict) and isinstance(form.get("format"), dict) and form["format"].get("type") == "json_object":
        body.setdefault("instructions", "Answer in JSON.")
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and isinstance(body.get("tools") or [], list):
        chosen = choice.get("tools") if choice.get("type") == "allowed_tools" else [choice]
        missing = [tool for one in chosen or () if (tool := _tool(one)) is not None]
        tools = body.get("tools") or []
        if added := [tool for tool in missing if not any(_alike(tool, known) for known in tools)]:
            body["tools"] = [*tools, *added]
    return body


def _tool(choice: Any) -> dict[str, Any] | None:
    """The tool that a choice is for, if it can be told."""
    kind = choice.get("type") if isinstance(choice, dict) else None
    if not isinstance(kind, str):
        return None
    kind = "computer" if kind == "computer_use" else kind
    named = {name: choice[name] for name in ("name", "server_label") if isinstance(choice.get(name), str)}
    if kind == "mcp":
        named.pop("name", None)
    return {"type": kind, **_NEEDS.get(kind, {}), **named}


def _alike(tool: dict[str, Any], other: Any) -> bool:
    names = ("type", "name", "server_label")
    return isinstance(other, dict) and all(tool.get(name) == other.get(name) for name in names)
