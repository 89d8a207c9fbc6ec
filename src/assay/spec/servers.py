"""The path prefixes that a description's servers put before every path.

The rule of this module: only the path of a server's URL counts; which host serves it is not the contract's business.
A variable stands for its default, or with ``x-assay-any: true`` for any one segment of a path.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from assay.spec.objects import Notes

__all__ = ["bases"]

_VARIABLE = re.compile(r"\{([^{}]*)\}")
# A host may hold variables and ports that urlsplit refuses; the path starts at the first slash after it.
_AUTHORITY = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.\-]*:)?//[^/?#]*")


def bases(servers: Any, notes: Notes) -> tuple[str, ...]:
    """Return the path prefixes of a list of server objects, in order, each once; ``("",)`` without servers."""
    if not isinstance(servers, list):
        return ("",)
    found = [
        _base(server, notes) for server in servers if isinstance(server, dict) and isinstance(server.get("url"), str)
    ]
    return tuple(dict.fromkeys(found)) or ("",)


def _base(server: dict[str, Any], notes: Notes) -> str:
    variables = server.get("variables") if isinstance(server.get("variables"), dict) else {}

    def default(match: re.Match[str]) -> str:
        variable = (variables or {}).get(match[1])
        if isinstance(variable, dict) and variable.get("x-assay-any") is True:
            return match[0]
        if isinstance(variable, dict) and isinstance(variable.get("default"), str | int | float):
            return str(variable["default"])
        notes.add("a server's URL names a variable without a default: left out", "#/servers")
        return ""

    url = _VARIABLE.sub(default, server["url"])
    path = urlsplit(_AUTHORITY.sub("", url, count=1)).path.strip("/")
    return f"/{path}" if path else ""
