"""Options that several commands take: which description, with which overlays, in which layer.

The rule of this module: one name and one meaning for an option, whichever command it stands at.
"""

from __future__ import annotations

from typing import Any

import click

__all__ = ["LAYERS", "description", "host", "layer", "layers", "off", "overlay", "strict_paths"]

LAYERS: dict[str, Any] = {"compat": ("compat",), "strict": ("strict",), "both": ("compat", "strict")}
"""The layers to judge by, for each choice of ``--layer`` where both can be had at once."""

description = click.option(
    "--description",
    default="openai",
    metavar="FILE",
    help="An OpenAPI description; without it, the bundled one of the OpenAI API.",
)
overlay = click.option(
    "--overlay", "overlays", multiple=True, metavar="FILE", help="An OpenAPI overlay to apply; repeatable."
)
layer = click.option(
    "--layer",
    default="compat",
    type=click.Choice(["compat", "strict"]),
    help="What clients rely on (compat, the default), or every letter (strict).",
)
off = click.option(
    "--off", "--ignore", "off", multiple=True, metavar="RULE", help="Switch a rule off by its id; repeatable."
)
layers = click.option(
    "--layer",
    default="compat",
    type=click.Choice([*LAYERS]),
    help="What clients rely on (compat, the default), every letter (strict), or both, each violation with its layers.",
)
host = click.option(
    "--host", "hosts", multiple=True, metavar="GLOB", help="Judge only exchanges with this host; repeatable."
)
strict_paths = click.option(
    "--strict-paths", is_flag=True, help="An exchange that is not in the description is a violation."
)
