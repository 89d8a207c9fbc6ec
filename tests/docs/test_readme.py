"""The README does what it says: its commands are those of CI, its examples run and give what stands beside them.

The rule of this module: the text is read from the file, never repeated here.
"""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING, Any

import click

import assay
from assay.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def blocks(root: Path, language: str) -> list[str]:
    """The fenced code blocks of a language."""
    text = (root / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def commands(root: Path) -> list[str]:
    """The shell commands of the README, without their prompt."""
    return [line[2:] for block in blocks(root, "console") for line in block.splitlines() if line.startswith("$ ")]


def test_ci_calls_the_test_command_of_the_readme(root: Path) -> None:
    """The command that CI runs is the one that the README gives, to the letter."""
    tested = [command for command in commands(root) if "tox run" in command]
    assert len(tested) == 1
    assert tested[0] in (root / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_every_command_of_the_readme_exists(root: Path) -> None:
    """Each `assay` command and option in the README is one that the program knows."""
    told = [command.split() for command in commands(root) if command.startswith("assay ")]
    assert len(told) >= 3
    for _, name, *rest in told:
        command = main.get_command(click.Context(main), name)
        if isinstance(command, click.Group):
            command = command.commands[rest[0]]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= known, (name, rest)


def literal(comment: str) -> Any:
    """The value a comment states, or ``...`` when it is prose."""
    try:
        return ast.literal_eval(comment)
    except (ValueError, SyntaxError):
        return ...


def test_the_examples_run_and_give_what_they_say(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each expression with a value in its comment has that value; what is printed stands in its comment."""
    message = {"role": "assistant", "content": "Hi.", "refusal": None}
    answer = json.dumps({
        "created": 1767225600, "data": [{"b64_json": "AAAA"}],
        "id": "chatcmpl-1", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    }).encode()  # fmt: skip
    names: dict[str, Any] = {"body": answer, "headers": {"content-type": "text/event-stream"}}
    compared = 0
    for block in blocks(root, "python"):
        code = compile(block, "README.md", "exec")
        if "open_stream" in block:
            names["body"] = [b"data: [DONE]\n", b"\n"]
        exec(code, names)  # noqa: S102  it is our own README
        if "verdict.ok" not in block:
            continue
        fresh = {"body": answer, "assay": assay}
        exec(block.partition("\nresponse =")[0], fresh)  # noqa: S102  up to where the verdict is shown
        for line in block.splitlines():
            expression, _, comment = line.partition("  # ")
            if comment and literal(comment) is not ... and not expression.startswith("print"):
                assert eval(expression, fresh) == literal(comment), line  # noqa: S307  likewise
                compared += 1
            elif expression.startswith("print(") and comment:
                assert str(fresh["verdict"].violations[0]).startswith(comment.partition("#/")[0])
                compared += 1
    capsys.readouterr()
    assert compared >= 3
