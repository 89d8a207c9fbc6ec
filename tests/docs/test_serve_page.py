"""The page of the stand-in server does what it says: its commands exist, its fixtures serve."""

from __future__ import annotations

import json
import re
import urllib.request
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import click

from assay.cli import main
from assay.reference.faults.registry import FAULTS

if TYPE_CHECKING:
    from pathlib import Path


def blocks(root: Path, language: str) -> list[str]:
    """The fenced code blocks of a language."""
    text = (root / "docs" / "serve.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_its_commands_options_and_faults_exist(root: Path) -> None:
    """Each command is one that the program knows, with options that it has and faults that there are."""
    told = [line[2:].split() for block in blocks(root, "console") for line in block.splitlines()]
    assert len(told) >= 6
    for _, name, *rest in told:
        known = {
            option for parameter in main.get_command(click.Context(main), name).params for option in parameter.opts
        }
        assert {word for word in rest if word.startswith("--")} <= known
        named = [value for option, value in pairwise(rest) if option == "--fault"]
        assert {*named} <= FAULTS.keys()


def test_its_fixtures_serve_what_they_say(root: Path) -> None:
    """The server of the example ends its streams in their middle."""
    names: dict[str, Any] = {}
    for block in blocks(root, "python"):
        exec(compile(block, "serve.md", "exec"), names)  # noqa: S102  it is our own page
    opened = names["silent_end"].__wrapped__(names["contract"].__wrapped__())
    url = next(opened)
    body = {"model": "assay-chat", "messages": [{"role": "user", "content": "hello"}], "stream": True}
    request = urllib.request.Request(  # noqa: S310  it is our own server
        f"{url}/chat/completions", data=json.dumps(body).encode(), headers={"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
        assert b"[DONE]" not in response.read()
    assert next(opened, None) is None
