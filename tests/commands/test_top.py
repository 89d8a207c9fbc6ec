"""``assay top``: one screen of a gateway's metrics."""

from __future__ import annotations

import prometheus_client
from click.testing import CliRunner

from assay.adapters.metrics import Metrics, Snapshot, read
from assay.adapters.serve import serve
from assay.cli import main
from assay.commands.top import _shown
from assay.gateway import Judgement
from assay.violation import Violation


def test_top_shows_the_worst_rules_once() -> None:
    """Most frequent first, with totals; a server that is no gateway is one line and exit code 2."""
    metrics = Metrics(prometheus_client.CollectorRegistry())
    for rule, count in (("schema/type", 1), ("chat/tool-ids", 3)):
        found = (Violation(rule, "body", (), "a", "b"),)
        for _ in range(count):
            metrics(Judgement("request", "createChatCompletion", "enforce", "refused", found, 0.00002))
    text = metrics.text()

    async def app(_scope, _receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": text})

    with serve(app) as url:
        done = CliRunner().invoke(main, ["top", url, "--once"], standalone_mode=False)
        assert done.return_value == 0, done.output
        assert "judged 4  refused 4" in done.output
        assert "mean check 20 us" in " ".join(done.output.split())
        assert done.output.index("chat/tool-ids") < done.output.index("schema/type")
    done = CliRunner().invoke(main, ["top", url, "--once"], standalone_mode=False)
    assert done.return_value == 2
    assert "cannot read metrics" in done.output


def test_the_rules_that_break_now_come_first() -> None:
    """Between two looks the rate decides, and a gateway without violations says so."""
    lines = [
        "# TYPE assay_judged counter",
        'assay_judged_total{kind="request",operation="o",mode="observe",action="forwarded"} %d',
        "# TYPE assay_violations counter",
        'assay_violations_total{kind="request",operation="o",rule="old",severity="violation"} 100',
        'assay_violations_total{kind="request",operation="o",rule="new",severity="violation"} %d',
    ]
    before, now = (read("\n".join(lines) % counts + "\n") for counts in ((10, 1), (30, 5)))
    console = __import__("rich.console").console.Console(width=120, record=True, file=__import__("io").StringIO())
    console.print(_shown("u", now, before, 2.0, 10))
    text = console.export_text()
    assert "(10.0/s)" in text
    assert text.index("new") < text.index("old")
    assert "120" in text
    console.print(_shown("u", Snapshot(), None, 0.0, 10))
    assert "No violations yet." in console.export_text()
