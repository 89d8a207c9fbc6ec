"""A start that only loads a description stays short."""

from __future__ import annotations

import subprocess
import sys

SLOW = ("attrs", "hypothesis", "jsonpath_rfc9535", "jsonschema", "regex", "rich", "urllib3", "uvicorn", "yaml")


def loaded(code: str) -> set[str]:
    """Which of the slow libraries a new interpreter has imported after some code."""
    told = f"{code}\nimport sys; print(*(name for name in {SLOW!r} if name in sys.modules))"
    return set(subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stdout.split())


def test_a_warm_start_imports_no_slow_library() -> None:
    """What is in the cache needs neither PyYAML nor the reference engine nor anything of the doors."""
    load = "import assay; contract = assay.load('openai')"
    loaded(load)
    assert loaded(load) == set()


def test_what_is_asked_for_is_imported() -> None:
    """The reference engine comes with the library it is made of, so the list above is one of names that exist."""
    code = "import assay; assay.load('openai', engine='reference').schemas.check"
    contract = f"{code}('file:///models.yaml#/components/schemas/Model')"
    assert {"jsonschema", "attrs"} <= loaded(contract)
