"""What a suite asks for: which contract, for which hosts, how.

The rule of this module: a setting has one meaning, whether it stands in the configuration, on the command line or in a
marker; the nearest to the test wins. A setting that does not exist is a ``UsageError`` that names those that do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from assay.errors import UsageError

if TYPE_CHECKING:
    from assay.contract import Contract
    from assay.spec.load import Layer
    from assay.testing.observe import Unknown

__all__ = ["Settings", "hosts_of"]

Mode = Literal["off", "observe"]
_LISTS = ("overlays", "hosts", "off")
_CHOICES = {"layer": ("compat", "strict"), "unknown": ("warn", "fail", "ignore"), "mode": ("off", "observe")}


@dataclass(frozen=True, slots=True)
class Settings:
    """``hosts`` are globs; none: the hosts of the description's servers. ``off`` are ids of rules.

    ``unknown`` says what a call is that the description does not have.
    """

    description: str = "openai"
    overlays: tuple[str, ...] = ()
    layer: Layer = "compat"
    hosts: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    unknown: Unknown = "warn"
    mode: Mode = "off"

    def changed(self, given: Mapping[str, Any]) -> Settings:
        """These settings with some of them given anew."""
        names = [field.name for field in fields(self)]
        values: dict[str, Any] = {}
        for name, value in given.items():
            if name not in names:
                raise UsageError(f"assay has no setting {name!r}; there are: {', '.join(names)}")
            if name in _LISTS:
                value = (value,) if isinstance(value, str) else tuple(map(str, value))  # noqa: PLW2901
            elif name in _CHOICES and value not in _CHOICES[name]:
                raise UsageError(f"assay: {name} is one of {', '.join(_CHOICES[name])}, not {value!r}")
            values[name] = value
        return replace(self, **values)


def hosts_of(contract: Contract) -> tuple[str, ...]:
    """The hosts of the servers that a description names."""
    servers = contract.api.documents[contract.api.root].get("servers")
    urls = [server.get("url") for server in servers or () if isinstance(server, Mapping)]
    hosts = [urlsplit(url).netloc.lower() for url in urls if isinstance(url, str)]
    return tuple(dict.fromkeys(host for host in hosts if host and "{" not in host))
