"""Options that several commands take: which description, with which overlays, in which layer.

The rule of this module: one name and one meaning for an option, whichever command it stands at.
"""

from __future__ import annotations

import click

__all__ = ["description", "layer", "off", "overlay"]

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
