"""The page of rules is what the rules say of themselves, and the command lists them for people."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from assay.cli import main
from assay.conformance.run_rules import RULES
from assay.rules.catalogue import standard

ALL = (*standard().rules, *RULES.values())
PAGE = Path(__file__).parents[2] / "docs" / "rules.md"


def told(*arguments: str) -> tuple[int, str]:
    """The exit code and the output of ``assay rules``."""
    done = CliRunner().invoke(main, ["rules", *arguments])
    return done.exit_code, done.output


def test_the_page_is_current() -> None:
    """docs/rules.md is what ``assay rules --markdown`` prints, with a row for every rule."""
    code, page = told("--markdown")
    assert code == 0
    assert page == PAGE.read_text(encoding="utf-8"), "run: assay rules --markdown > docs/rules.md"
    assert all(f"| `{rule.id}` | {rule.sentence} | {rule.severity} |" in page for rule in ALL)


def test_rules_are_found_by_id_operation_and_severity() -> None:
    """Patterns, an operation and a severity narrow the list; all of them together too."""
    everything = told()[1]
    assert sum(line.startswith("    ") for line in everything.splitlines()) == 2 * len(ALL)
    assert "chat/usage-sums" in told("chat/*")[1]
    assert "images/" not in told("chat/*")[1]
    narrow = told("--operation", "createEmbedding", "--severity", "hazard")[1]
    assert "embeddings/order (hazard)" in narrow
    assert "embeddings/count" not in narrow


def test_what_fits_nothing_is_said() -> None:
    """A pattern that no rule fits is one line on stderr and exit code 2."""
    code, output = told("chat/nothing")
    assert code == 2
    assert "assay rules lists them all" in output
