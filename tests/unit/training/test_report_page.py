"""The page of a report: it stands alone, escapes all, and a browser shows it whole."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_scene import Scene, scene, story, transactions

from perennial_training.report.make import make

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
LOOKS = """
<script>
window.faults = [];
addEventListener("error", e => faults.push(String(e.message || e.target)), true);
addEventListener("load", () => {
  const boxes = [...document.querySelectorAll("svg")].map(s => s.getBoundingClientRect());
  const wide = document.documentElement.scrollWidth - innerWidth;
  const outside = [...document.querySelectorAll("main *")].filter(e => {
    const b = e.getBoundingClientRect();
    return !e.closest("svg, .table, details") && b.width && b.right > innerWidth + 1;
  }).length;
  document.title = JSON.stringify({drawings: boxes.length,
    flat: boxes.filter(b => b.width < 40 || b.height < 10).length, wide, outside, faults,
    nan: document.body.innerHTML.split(/NaN|undefined|Infinity/).length - 1,
    seen: document.body.innerText.length});
});
</script>
"""


@pytest.fixture(scope="module")
def fraud(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return scene(tmp_path_factory.mktemp("fraud"), transactions(8_000))


@pytest.fixture(scope="module")
def page(fraud: Scene) -> str:
    return make(fraud.spec(story=story()), fraud.place / "none")[1]


class _Tags(HTMLParser):
    """What is opened and closed in a page."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.outward: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.outward += [f"{k}={v}" for k, v in attrs if k in ("src", "href", "xlink:href")]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_it_stands_alone_and_is_well_formed(page: str) -> None:
    tags = _Tags()
    tags.feed(page)
    assert tags.open == [] and tags.outward == []
    assert not tags.seen & {"script", "link", "img", "iframe", "object"}
    assert "url(" not in page and "@import" not in page
    assert len(page) < 500_000


def test_what_others_wrote_is_text(page: str) -> None:
    assert "<script>" not in page and "taken back: &lt;script&gt;alert(1)" in page
    assert "amount &lt;b&gt;moved&lt;/b&gt; &amp; more" in page


def test_it_says_in_one_sentence_how_it_stands(page: str) -> None:
    (sentence,) = re.findall(r'<p class="verdict bad">([^<]+)</p>', page)
    assert sentence.startswith("It predicts worse than is asked for: recall ")
    assert "(at least 50% is asked for)" in sentence and "amount" in sentence


def test_one_that_is_well_is_told_so(tmp_path: Path) -> None:
    made = scene(tmp_path, transactions(8_000, decays=False))
    text = make(made.spec(), made.place / "none")[1]
    (sentence,) = re.findall(r'<p class="verdict good">([^<]+)</p>', text)
    assert sentence.startswith("It predicts as well as is asked for: recall ")
    assert 'class="tag bad"' not in text and 'class="n alarm"' not in text


@pytest.mark.parametrize("wide", [1200, 500])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_it_whole(page: str, tmp_path: Path, wide: int, scheme: str) -> None:
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        pytest.skip("there is no Chromium here: apt-get install chromium")
    looked = page.replace("<head>", f"<head>{LOOKS}", 1)
    if scheme == "dark":
        looked = looked.replace("(prefers-color-scheme: dark)", "all")
    (tmp_path / "page.html").write_text(looked)
    done = subprocess.run(
        [
            browser,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            f"--user-data-dir={tmp_path}/profile",
            f"--window-size={wide},1000",
            "--virtual-time-budget=2000",
            "--dump-dom",
            (tmp_path / "page.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    (title,) = re.findall(r"<title>(\{.*?\})</title>", done.stdout)
    seen = json.loads(title.replace("&quot;", '"').replace("&amp;", "&"))
    assert seen["faults"] == [] and seen["nan"] == 0
    assert seen["drawings"] >= 10 and seen["flat"] == 0
    assert seen["wide"] <= 0 and seen["outside"] == 0
    assert seen["seen"] > 1_000
