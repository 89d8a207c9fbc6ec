"""What a gate tells, as Prometheus metrics; and such metrics read back, for ``assay top``.

The rule of this module: labels are ids of the contract (operations, rules) and words of ours, never something that a
peer sent, so that no client can make the number of time series grow.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import urllib3

from assay.errors import TargetError, UsageError

try:
    import prometheus_client as prometheus
    from prometheus_client import multiprocess
    from prometheus_client.parser import text_string_to_metric_families as families
except ImportError as error:
    raise UsageError("metrics need the package prometheus-client: pip install 'assay[gateway]'") from error

if TYPE_CHECKING:
    from assay.gateway import Judgement

__all__ = ["CONTENT_TYPE", "Metrics", "Row", "Snapshot", "fetch", "read"]

CONTENT_TYPE: str = prometheus.CONTENT_TYPE_LATEST

_BUCKETS = (0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.01, 0.1, 1.0)


class Metrics:
    """An observer of a gate. ``registry`` is prometheus-client's own default one unless another is given.

    Where ``PROMETHEUS_MULTIPROC_DIR`` is set, ``text`` shows the sums over all worker processes.
    """

    def __init__(self, registry: prometheus.CollectorRegistry | None = None) -> None:
        self.registry = prometheus.REGISTRY if registry is None else registry
        self._judged = self._counter("judged", "Messages judged.", "kind", "operation", "mode", "action")
        self._found = self._counter("violations", "Violations found.", "kind", "operation", "rule", "severity")
        self._skipped = self._counter("skipped", "Messages that were not judged whole.", "kind", "reason")
        self._failed = self._counter("failures", "Errors of Assay itself.", "kind", "error", "action")
        self._seconds = prometheus.Histogram(
            "assay_check_seconds", "Time of a check.", ["kind"], buckets=_BUCKETS, registry=self.registry
        )
        self._children: dict[Any, Any] = {}
        self._pairs: dict[tuple[str, ...], tuple[prometheus.Counter, prometheus.Histogram]] = {}

    def __call__(self, judgement: Judgement) -> None:
        """Count one judgement."""
        kind, operation = judgement.kind, judgement.operation or ""
        key = kind, operation, judgement.mode, judgement.action
        pair = self._pairs.get(key)
        if pair is None:
            pair = self._pairs[key] = self._judged.labels(*key), self._seconds.labels(kind)
        pair[0].inc()
        for violation in judgement.violations:
            self._child(self._found, kind, operation, violation.rule, violation.severity).inc()
        if judgement.skipped:
            self._child(self._skipped, kind, judgement.skipped).inc()
        if judgement.error:
            self._child(self._failed, kind, judgement.error, judgement.action).inc()
        else:
            pair[1].observe(judgement.seconds)

    def text(self) -> bytes:
        """Return the metrics in Prometheus's text format."""
        registry = self.registry
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            registry = prometheus.CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return prometheus.generate_latest(registry)

    def _counter(self, name: str, about: str, *labels: str) -> prometheus.Counter:
        return prometheus.Counter(f"assay_{name}", about, labels, registry=self.registry)

    def _child(self, metric: Any, *labels: str) -> Any:
        """Look labels up once: prometheus-client takes a lock and a tuple for each look."""
        key = (metric, *labels)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = metric.labels(*labels)
        return child


@dataclass(frozen=True, slots=True)
class Row:
    """One rule that was broken, at one operation."""

    rule: str
    operation: str
    kind: str
    severity: str
    count: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The metrics of a gateway at one moment; ``rows`` the most frequent first, ``seconds`` the sum of all checks."""

    judged: int = 0
    refused: int = 0
    skipped: int = 0
    failures: int = 0
    seconds: float = 0.0
    rows: tuple[Row, ...] = ()


def read(text: str) -> Snapshot:
    """Read metrics in Prometheus's text format; raises ``TargetError`` when they are none of a gateway of ours."""
    totals: dict[str, float] = {}
    rows: list[Row] = []
    refused = 0.0
    try:
        for family in families(text):
            for sample in family.samples:
                totals[sample.name] = totals.get(sample.name, 0.0) + sample.value
                found = sample.labels
                if sample.name == "assay_violations_total":
                    about = found["rule"], found["operation"], found["kind"], found["severity"]
                    rows.append(Row(*about, int(sample.value)))
                elif sample.name == "assay_judged_total" and found["action"] != "forwarded":
                    refused += sample.value
    except (ValueError, KeyError, IndexError) as error:
        raise TargetError("what answers is no metrics in Prometheus's text format") from error
    if "# TYPE assay_judged" not in text:
        raise TargetError("these metrics are none of an Assay gateway")
    names = ("assay_judged_total", "assay_skipped_total", "assay_failures_total", "assay_check_seconds_sum")
    judged, skipped, failures, seconds = (totals.get(name, 0.0) for name in names)
    rows.sort(key=lambda row: (-row.count, row.rule, row.operation))
    return Snapshot(int(judged), int(refused), int(skipped), int(failures), seconds, tuple(rows))


def fetch(url: str, *, timeout: float = 5.0) -> Snapshot:
    """Fetch the metrics at a URL (without a path: ``/metrics``); raises ``TargetError``."""
    try:
        parsed = urllib3.util.parse_url(url if "://" in url else f"http://{url}")
        if parsed.path in (None, "", "/"):
            parsed = parsed._replace(path="/metrics")
        with urllib3.PoolManager() as pool:
            answer = pool.request("GET", parsed.url, timeout=timeout, retries=False)
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise TargetError(f"cannot read metrics from {url}: {type(error).__name__}") from error
    if answer.status != 200:  # noqa: PLR2004  OK
        raise TargetError(f"cannot read metrics from {url}: status {answer.status}")
    return read(answer.data.decode("utf-8", "replace"))
