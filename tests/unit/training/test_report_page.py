"""The page of a report: it stands alone, escapes all, and a browser shows it whole."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import report_scene
from report_scene import COLUMNS, DAY, Scene, scene, story, transactions

from perennial_artifact.manifest import Column
from perennial_training.report.charts import Frame, Point, line, steps
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
  const words = [...document.querySelectorAll("svg .tick")].map(t =>
    [t.closest("svg"), t.getBoundingClientRect(), t.textContent]).filter(w => w[1].width);
  const meet = words.filter(([svg, a], n) => words.slice(n + 1).some(([other, b]) =>
    svg === other && a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom));
  document.title = JSON.stringify({drawings: boxes.length,
    flat: boxes.filter(b => b.width < 40 || b.height < 10).length, wide, outside, faults,
    nan: document.body.innerHTML.split(/NaN|undefined|Infinity/).length - 1,
    meet: meet.map(w => w[2]), tiny: words.filter(w => w[1].height < 9).map(w => w[2]),
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


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.split("<body>")[1]).split())


def test_a_log_without_predictions_says_so_in_each_section(tmp_path: Path) -> None:
    rows = transactions(600)
    rows["made"] -= 400 * DAY
    made = scene(tmp_path, rows)
    result, page = make(made.spec(), made.place / "none")
    text = words(page)
    assert "Where it is worse Not known: there is no prediction." in text
    assert "What comes in Not known: the log has no prediction of this version" in text
    assert "Quality of the values Not known" in text and "Over time There is no" in text
    assert result.notes == []  # that the log lacks a feature is not known of an empty one


def test_a_log_without_labels_does_not_say_that_nothing_is_worse(tmp_path: Path) -> None:
    made = scene(tmp_path, transactions(600))
    shutil.rmtree(made.log / "feedback")
    text = words(make(made.spec(), made.place / "none")[1])
    assert "Where it is worse Not known: 0 labels of the window are in" in text
    assert "How late labels come Not known" in text


def test_columns_that_are_not_as_they_were_learned_from_are_told(tmp_path: Path) -> None:
    made = scene(tmp_path, transactions(600))
    for file in made.log.rglob("requests/**/*.parquet"):
        rows = pd.read_parquet(file).drop(columns="input.category")
        rows["input.amount"] = [
            f"{n:.2f} EUR" if n > 20 else f"{n:.2f}" for n in rows["input.amount"]
        ]
        rows.assign(**{"input.colour": "red", "input.size": np.nan}).to_parquet(file)
    result, page = make(made.spec(slices=[]), made.place / "none")
    text = words(page)
    assert "amount: text and no number" in text and "The log has no category" in text
    assert "colour: logged, and not among what it learned from" in text
    assert "size: logged" not in text  # of this version it has no value
    (note,) = result.notes
    assert re.match(
        r"amount is a number, and [6-9]\d(\.\d)?% of the newest values in the log are text",
        note.message,
    )


def test_a_feature_that_is_called_as_a_prediction_is_shown_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One hid the other, with the wrong bins."""
    monkeypatch.setattr(report_scene, "COLUMNS", [*COLUMNS, Column("probability", "Number")])
    made = scene(tmp_path, transactions(2_000, decays=False))
    page = make(made.spec(), made.place / "none")[1]
    shown = re.findall("<h3>([^<]+)</h3>", page)
    assert shown.count("probability") == shown.count("predicted probability") == 1


def test_what_is_missing_then_is_of_all_rows_then(tmp_path: Path) -> None:
    """Categories beyond the listed ones are rows, too: the share was that of the listed ones."""
    rows = transactions(9_000, decays=False)
    rows["customer"] = [f"c{n}" for n in range(len(rows))]  # each once: all are others
    rows.loc[::2, "customer"] = ""
    made = scene(tmp_path, rows)
    assert "customer: missing 50% 50%" in words(make(made.spec(slices=[]), made.place / "none")[1])


def test_a_value_beyond_the_scale_is_an_arrow_and_no_dot_at_its_edge() -> None:
    points = [Point(n, value, value, value) for n, value in enumerate([0.5, 9.0, -9.0])]
    drawn = line(points, Frame(0, 2, 0.0, 1.0), [], [], None, "loss")
    assert (drawn.count("<circle"), drawn.count("<path")) == (1, 2)


@pytest.mark.parametrize("low, high", [(0.1, 0.95), (0, 1), (0.31, 0.34), (3, 80_000)])
def test_a_scale_has_lines_enough(low: float, high: float) -> None:
    found = steps(low, high)
    assert 3 <= len(found) <= 6 and low <= found[0] and found[-1] <= high


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
    assert seen["meet"] == [] and seen["tiny"] == []
    assert seen["wide"] <= 0 and seen["outside"] == 0
    assert seen["seen"] > 1_000
