"""Parquet: each row an exchange, under the names of JSON Lines or under others that are mapped to them.

The rule of this module: a file is read row group by row group, and of it only the columns that matter.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from assay.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO

__all__ = ["NAMES", "groups", "mapping", "rows"]

NAMES = (
    "host", "method", "path", "query", "url", "request_headers", "request_body", "status", "response_headers",
    "response_body", "time",
)  # fmt: skip
_BATCH = 256


def mapping(given: tuple[str, ...]) -> dict[str, str]:
    """Read ``name=column`` options; raises UsageError for a name that exchanges do not have."""
    found = {}
    for text in given:
        name, sign, column = text.partition("=")
        if not sign or not column or name not in NAMES:
            raise UsageError(f"--column: expected NAME=COLUMN with NAME one of {', '.join(NAMES)}")
        found[name] = column
    return found


def groups(lying: BinaryIO) -> list[int]:
    """The number of rows of each row group; raises ValueError for a file that is no Parquet."""
    parquet, error = _parquet()
    try:
        metadata = parquet.ParquetFile(lying).metadata
        return [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    except (error, OSError) as raised:
        raise ValueError("it is not a Parquet file, or is damaged") from raised


def rows(lying: BinaryIO, wanted: range, columns: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of some row groups, by the names of JSON Lines; raises ValueError where the file is damaged."""
    parquet, error = _parquet()
    try:
        file = parquet.ParquetFile(lying)
        there = set(file.schema_arrow.names)
        names = {name: columns.get(name, name) for name in NAMES if columns.get(name, name) in there}
        for batch in file.iter_batches(_BATCH, row_groups=list(wanted), columns=sorted(set(names.values()))):
            for row in batch.to_pylist():
                yield {name: _plain(name, row[column]) for name, column in names.items() if row[column] is not None}
    except (error, OSError) as raised:
        raise ValueError("it is not a Parquet file, or is damaged") from raised


def _plain(name: str, value: Any) -> Any:
    """Headers may be kept as JSON text."""
    if name.endswith("_headers") and isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _parquet() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # noqa: PLC0415  of the extra assay[audit]
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError:
        raise UsageError("Parquet needs the extra: pip install 'assay[audit]'") from None
    return parquet, pa.ArrowException
