"""The page of an audit: whole in itself, escaped, and shown by a real browser in light and dark, wide and narrow."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest
from click.testing import CliRunner
from recorded_exchange import exchange

from assay.audit.plots import axis, bars
from assay.cli import main

MODEL = "a-vendor/" + "long-name-" * 6
HOST = "<b>&\"'.example"


@pytest.fixture
def page(tmp_path, lines):
    """Audit some traffic of a year into a page; return its path."""
    file = lines(
        *[
            exchange(sent={"temperature": number % 4, "model": MODEL}, time=1_760_000_000 + number * 86400 * 9)
            for number in range(40)
        ],
        exchange(host=HOST, path="/v1/<script>alert(1)</script>"),
        "{",
        name="<i>&.jsonl",
    )
    path = tmp_path / "audit.html"
    CliRunner().invoke(main, ["audit", file, "--html", str(path)])
    return path


class Reader(HTMLParser):
    """Collects the tags and links of a page, and checks that every tag is closed in order."""

    def __init__(self):
        super().__init__()
        self.tags, self.open, self.links = set(), [], []

    def handle_starttag(self, tag, attrs):
        """Note a tag that opens."""
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "action")]
        if tag not in ("meta", "rect", "line"):
            self.open.append(tag)

    def handle_startendtag(self, tag, _attrs):
        """Note a tag that is closed at once."""
        self.tags.add(tag)

    def handle_endtag(self, tag):
        """Check a tag that closes."""
        assert self.open.pop() == tag


def test_the_page_is_whole_in_itself_and_escaped(page) -> None:
    """No script, no address, nothing of the traffic as markup; every tag is closed."""
    text = page.read_text(encoding="utf-8")
    reader = Reader()
    reader.feed(text)
    assert (reader.open, reader.links) == ([], [])
    assert not {"script", "link", "img", "iframe", "i"} & reader.tags
    assert "<i>&.jsonl" not in text
    assert "&lt;i&gt;&amp;.jsonl" in text
    assert "alert(1)" not in text
    assert "url(" not in text
    assert not re.search(r"https?://", text)
    assert text.count("<svg") == 2
    assert "prefers-color-scheme: dark" in text


def test_a_plot_has_a_bar_for_each_span_with_something_in_it() -> None:
    """Bars stand for the days, in proportion; many days are summed, and none gives no axis."""
    assert axis([""]) is None
    days = axis(["2026-01-01", "2026-01-10", ""])
    assert (days.count, days.unit) == (10, "day")
    drawn = bars(days, [("wrong", {"2026-01-01": 4, "2026-01-10": 2})], height=100, title="t")
    heights = [float(found) for found in re.findall(r'height="([\d.]+)"/>', drawn)]
    assert heights == [98.0, 49.0]
    assert "2026-01-10: 2 wrong" in drawn
    long = axis(["2020-01-01", "2026-01-01"])
    assert long.count <= 92
    assert sum(long.sums({"2020-01-01": 1, "2023-06-01": 2, "2026-01-01": 3})) == 6


@pytest.mark.parametrize("width", [390, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_the_page(page, tmp_path, scheme, width) -> None:
    """In a headless Chromium nothing is wider than the window, and the colours follow the scheme."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium here (Debian: apt-get install chromium)")
    # The page forbids scripts, so a copy of it asks for itself: what is measured is the same text and style.
    probe = (
        f"<script>document.body.style.width = '{width}px'; document.title = "
        "[[...document.querySelectorAll('main *')].every(e => e.closest('.wide') || "
        f"e.getBoundingClientRect().right <= {width}), "
        "getComputedStyle(document.body).backgroundColor, document.querySelectorAll('svg rect').length, "
        "Math.min(...[...document.querySelectorAll('svg')].map(e => e.getBoundingClientRect().height)) > 20]"
        ".join(' ')</script></body>"
    )
    copy = tmp_path / "copy.html"
    text = page.read_text(encoding="utf-8")
    frame = re.sub(r"<meta http-equiv[^>]*>", "", text).replace("</body>", probe)
    copy.write_text(frame, encoding="utf-8")
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
         f"--blink-settings=preferredColorScheme={'0' if scheme == 'dark' else '1'}", f"--window-size={width},900",
         "--dump-dom", copy.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    fits, *colour, rects, tall = re.search(r"<title>(.*?)</title>", done.stdout)[1].split(" ")
    assert fits == "true"
    assert "".join(colour) == ("rgb(21,23,26)" if scheme == "dark" else "rgb(251,251,250)")
    assert int(rects) > 40
    assert tall == "true"
