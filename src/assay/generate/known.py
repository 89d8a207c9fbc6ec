"""Known objects: ids of what really exists at a target, put where a request would name something made up.

The rule of this module: an id goes only where something of its kind was named already, and what is made with it is
proven as any other value is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["item_path", "put_known"]

_NAME = re.compile(r"\{[^}]*\}")


def item_path(path: str, parameter: str) -> str:
    """The path that names an object: as far as the parameter, its names left out (``/threads/{}/messages/{}``)."""
    head, _, _ = path.partition("{" + parameter + "}")
    return _NAME.sub("{}", head) + "{}"


def put_known(value: Any, known: Mapping[str, str]) -> None:
    """Put ids, by the names of their properties, into a JSON value; ``file_ids`` gets a ``file_id``."""
    if isinstance(value, list):
        for item in value:
            put_known(item, known)
    elif isinstance(value, dict):
        for name, item in value.items():
            single = name.removesuffix("s")
            if isinstance(item, str) and name in known:
                value[name] = known[name]
            elif isinstance(item, list) and item and isinstance(item[0], str) and single != name and single in known:
                value[name] = [known[single]]
            else:
                put_known(item, known)
