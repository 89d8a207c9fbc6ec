"""The page of a run in a real browser: light and dark, on a desk and on a phone, readable, whole in itself."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest
from click.testing import CliRunner
from faulty_target import faulty

from assay.adapters.serve import serve
from assay.cli import main

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
VOID = {"meta"}

# Measured in the window around the page, which stands unchanged, with its own policy, in a frame of the wanted width.
PROBE = """
const frame = document.querySelector("iframe");
const luminance = rgb => rgb.map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
const colour = text => text.match(/[\\d.]+/g).map(Number);
function ground(node) {
  for (; node; node = node.parentElement) {
    const found = colour(getComputedStyle(node).backgroundColor);
    if (found.length === 3 || found[3] > 0) return found.slice(0, 3);
  }
  return [255, 255, 255];
}
function contrast(node) {
  const [a, b] = [colour(getComputedStyle(node).color).slice(0, 3), ground(node)].map(luminance);
  return (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
}
const said = node => [...node.childNodes].some(child => child.nodeType === 3 && child.textContent.trim());
const rest = time => new Promise(done => setTimeout(done, time));
frame.addEventListener("load", () => measured().catch(error => { document.body.textContent = error.stack; }));
async function measured() {
  const page = frame.contentDocument, all = [...page.querySelectorAll("main *")];
  const folded = page.querySelectorAll("details.finding[open]").length;
  page.querySelector("a.state.broken").click();
  await rest(100);
  const linked = page.querySelectorAll("details.finding[open]").length;
  frame.contentWindow.dispatchEvent(new Event("beforeprint"));
  await rest(100);
  const button = page.querySelector("button.copy"), before = button.textContent;
  button.click();
  await rest(200);
  const word = page.querySelector(".matrix .words").getBoundingClientRect();
  const texts = all.filter(node => said(node) && node.getBoundingClientRect().width > 1);
  const result = {
    wide: page.documentElement.scrollWidth, background: getComputedStyle(page.body).backgroundColor,
    folded, linked, printed: page.querySelectorAll("details:not([open])").length,
    copies: [...page.querySelectorAll("button.copy")].every(node => !node.hidden), before, after: button.textContent,
    cell: Math.max(...[...page.querySelectorAll("tbody th, tbody td")].map(node => node.offsetHeight)),
    word: word.width, texts: texts.length,
    table: page.querySelector(".matrix").scrollWidth <= page.querySelector(".matrix").parentElement.clientWidth,
    pale: texts.filter(node => contrast(node) < 4.5).map(node => [node.className, node.textContent.slice(0, 40)]),
    states: [...new Set([...page.querySelectorAll(".matrix .state")].map(node => node.textContent.trim()))],
  };
  document.body.textContent = JSON.stringify(result);
}
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page of a run with findings in both layers, a baseline, and operations that are not served."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "known.yaml").write_text(
        "format: assay/baseline/1\nfindings:\n"
        "  - {rule: http/server-error, operation: createModeration, reason: '<b>tomorrow'}\n"
        "  - {rule: schema/minimum, operation: createEmbedding}\n"
    )
    chosen = [f"--operation={name}" for name in ("createChatCompletion", "createModeration", "createEmbedding",
                                                 "createImage")]  # fmt: skip
    with serve(faulty()) as url:
        done = CliRunner().invoke(
            main,
            ["run", url, "--max-requests", "120", *chosen, "--layer", "both", "--show-bodies", "--baseline",
             str(folder / "known.yaml"), "--report", str(folder / "r.html")],
        )  # fmt: skip
    assert done.exit_code == 1, done.output
    return folder / "r.html"


class Reader(HTMLParser):
    """Collects the tags and links of a page, and checks that every tag is closed in order."""

    def __init__(self):
        super().__init__()
        self.tags, self.open, self.links, self.ids = [], [], [], set()

    def handle_starttag(self, tag, attrs):
        """Note a tag that opens."""
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "action")]
        self.ids |= {value for name, value in attrs if name == "id"}
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        """Check a tag that closes."""
        assert self.open.pop() == tag


def test_the_page_of_a_run_is_whole_in_itself_and_escaped(page):
    """One script, named by its checksum; links lead inside the page; nothing of the target is markup."""
    text = page.read_text(encoding="utf-8")
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    assert reader.tags.count("script") == 1
    assert not {"link", "img", "iframe", "b>tomorrow"} & set(reader.tags)
    assert reader.links
    assert {link[1:] for link in reader.links} <= reader.ids
    assert all(link.startswith("#") for link in reader.links)
    assert "&lt;script&gt;alert(1)" in text
    assert "&lt;b&gt;tomorrow" in text
    assert "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-" in html.unescape(text)
    assert "url(" not in text


def test_the_page_of_a_run_says_what_is_known_gone_and_not_served(page):
    """Each state of the matrix has a word; the entry that vanished and the operation without a route show."""
    text = html.unescape(page.read_text(encoding="utf-8"))
    for words in ("1 broken", "1 known", "1 strict", "kept", "not tried"):
        assert f'<span class="words">{words}</span>' in text
    assert "createEmbedding schema/minimum" in text
    assert re.search(r"unsupported \(answered with 40[04]\): \d", text)
    assert re.search(r"<h2[^>]*>Contract coverage</h2>", text)


@pytest.mark.skipif(BROWSER is None, reason="no Chromium here (Debian: apt-get install chromium)")
@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_the_page_of_a_run(page, tmp_path, scheme, width):
    """Nothing is wider than the window or too pale to read; folding, links, printing and copying work."""
    copy = tmp_path / "around.html"
    copy.write_text(
        f'<!doctype html><meta charset="utf-8"><body><iframe src="{page.as_uri()}" '
        f'style="width:{width}px;height:900px;border:0"></iframe><script>{PROBE}</script></body>',
        encoding="utf-8",
    )
    done = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
         f"--blink-settings=preferredColorScheme={'0' if scheme == 'dark' else '1'}", "--window-size=1300,1000",
         "--virtual-time-budget=5000", "--allow-file-access-from-files", "--dump-dom", copy.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    seen = json.loads(html.unescape(re.search(r"<body>(.*)</body>", done.stdout, re.DOTALL)[1]))
    assert seen["wide"] <= width
    assert seen["background"] == ("rgb(21, 23, 26)" if scheme == "dark" else "rgb(251, 251, 250)")
    assert (seen["folded"], seen["linked"], seen["printed"]) == (0, 1, 0)
    assert seen["copies"]
    assert seen["before"] == "copy" != seen["after"]
    assert seen["table"]
    assert seen["cell"] < 80  # a name in three lines, not one letter below the other
    assert seen["texts"] > 100
    assert seen["pale"] == []
    assert (seen["word"] > 20) == (width > 400)
    assert {state[0] for state in seen["states"]} == {"\u2713", "\u2715", "\u00a7", "\u2013"}
