"""The counts of an audit as a Parquet file.

The rule of this module: one row for each value of each dimension, of all traffic (``rule`` is null) and of each cause.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.audit.summary import rows
from assay.errors import UsageError

if TYPE_CHECKING:
    from assay.audit.ledger import Ledger

__all__ = ["write_parquet"]

_TEXTS = ("rule", "pointer", "message", "severity", "dimension", "name")
_NUMBERS = (
    "exchanges", "violations", "wrong", "requests_wrong", "responses_wrong", "hazards", "requests_skipped",
    "responses_skipped",
)  # fmt: skip


def write_parquet(ledger: Ledger, path: str) -> None:
    """Write the table; raises UsageError where pyarrow is missing, and OSError."""
    try:
        import pyarrow as pa  # noqa: PLC0415  of the extra assay[audit]
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError:
        raise UsageError("--parquet needs the extra: pip install 'assay[audit]'") from None
    schema = pa.schema(
        [(name, pa.string()) for name in _TEXTS]
        + [(name, pa.int64()) for name in _NUMBERS]
        + [(name, pa.timestamp("ms", tz="UTC")) for name in ("first", "last")]
    )
    told = []
    for row in rows(ledger):
        times = {name: None if row[name] is None else int(row[name] * 1000) for name in ("first", "last")}
        told.append({**row, **times})
    parquet.write_table(pa.Table.from_pylist(told, schema=schema), path)
