"""What every command with a gate is told: the contract with its profile, the policy, the settings, an address.

The rule of this module: options become values, and every mistake in them is one line before anything is served.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assay.commands import options
from assay.errors import UsageError
from assay.gateway import Limits, Policy, Settings, read_policy
from assay.spec.profiles import profile
from assay.spec.text import parse

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["address", "contract", "gated", "policy", "settings"]

_UNKNOWN = click.Choice(["allow", "warn", "refuse"])
_OPTIONS = (
    click.option("--mode", default="observe", show_default=True, type=click.Choice(["off", "observe", "enforce"])),
    click.option(
        "--policy", "policy_file", metavar="FILE", help="Modes by operation, header and key (YAML); not --mode."
    ),
    options.description,
    options.overlay,
    options.layer,
    click.option(
        "--profile", metavar="NAME", help="What the upstream has of its own: vllm, ollama, llamacpp, groq, azure."
    ),
    click.option("--off", multiple=True, metavar="RULE", help="Switch a rule off by its id; repeatable."),
    click.option("--fail-closed", is_flag=True, help="Refuse what is to be enforced when Assay itself errs."),
    click.option("--unknown-fields", type=_UNKNOWN, help="Request fields that are not in the description."),
    click.option(
        "--unknown-paths", default="allow", show_default=True, type=_UNKNOWN, help="Paths that are not in it."
    ),
    click.option("--end-streams", is_flag=True, help="With responses in enforce: end a stream at a violation."),
    click.option("--max-body", default=16, show_default=True, type=click.IntRange(1), metavar="MIB"),
)


def gated(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of a gate."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def settings(given: dict[str, Any]) -> Settings:
    """The settings of the gate."""
    return Settings(
        limits=Limits(body=given["max_body"] * 1024 * 1024),
        fail_closed=given["fail_closed"],
        unknown_fields=given["unknown_fields"],
        unknown_paths=given["unknown_paths"],
        end_streams=given["end_streams"],
    )


def contract(given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of ``assay.load``."""
    overlays, off = given["overlays"], given["off"]
    if given["profile"] is not None:
        if given["description"] != "openai":
            raise UsageError("--profile: a profile is for the bundled description; give --overlay instead")
        found = profile(given["profile"])
        overlays, off = (*found.overlays, *overlays), (*found.off, *off)
    return {"source": given["description"], "overlays": overlays, "layer": given["layer"], "off": off}


def policy(given: dict[str, Any]) -> Policy:
    """The policy: one mode, or a file."""
    if given["policy_file"] is None:
        return Policy.of(given["mode"])
    path = Path(given["policy_file"])
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"--policy: cannot read {path}: {error.strerror}") from error
    try:
        return read_policy(parse(data, str(path))[0])
    except UsageError as error:
        raise UsageError(f"--policy: {path}: {error}") from None


def address(text: str, option: str = "--listen") -> tuple[str, int]:
    """Read HOST:PORT; a host of IPv6 stands in brackets, and an empty one means all addresses."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or len(port) > 5 or int(port) > 65535:  # noqa: PLR2004  16 bits
        raise UsageError(f"{option}: expected HOST:PORT, such as 127.0.0.1:8080")
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104  it was asked for
