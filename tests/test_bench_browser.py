"""The page of a report in a real browser, at the widths of a desk and of a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("plotly")
pytest.importorskip("jinja2")
pytest.importorskip("selenium")

import browser
from accel.bench import page
from accel.bench.page import plot
from accel.bench.report import Report
from oracles.reports import Maker

WIDTHS = {"desk": 1100, "phone": 390}
DRAWN = """
return [...document.querySelectorAll(".plot")].map((plot) => ({
  id: plot.id,
  drawn: plot.classList.contains("js-plotly-plot"),
  marks: plot.querySelectorAll(".scatterlayer .trace path, .barlayer .trace path").length,
  titles: [...plot.querySelectorAll(".xtitle, .ytitle")].map((title) => title.textContent),
  width: plot.querySelector(".main-svg").getBoundingClientRect().width,
  height: plot.querySelector(".main-svg").getBoundingClientRect().height,
}));
"""
TYPE_A_PRICE = """
const [price, currency] = ["price-per-core-hour", "currency"].map((id) => document.getElementById(id));
[price.value, currency.value] = arguments;
price.dispatchEvent(new Event("input", { bubbles: true }));
"""
COSTS = """
return [...document.querySelectorAll("#costs tbody tr")].map((row) => [
  Number(row.dataset.itemsPerCoreSecond),
  row.querySelector(".per-unit").textContent,
  row.querySelector(".per-billion").textContent,
]);
"""
COST_PLOT = (
    "const plot = document.getElementById('cost-per-core'); return [plot.data[0].x, plot.layout.xaxis.title.text];"
)


@pytest.fixture(scope="module")
def made_up() -> Report:
    return Maker(1).report()


@pytest.fixture(scope="module")
def chromium() -> Iterator[browser.Browser]:
    if sentence := browser.missing():
        pytest.skip(f"{sentence}; tools/setup.sh ci installs them")
    with browser.browser() as started:
        yield started


@pytest.fixture(scope="module")
def path(made_up: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("page") / "page.html"
    target.write_text(page.render(made_up), encoding="utf-8")
    return target


@pytest.fixture(params=WIDTHS)
def opened(request: pytest.FixtureRequest, chromium: browser.Browser, path: Path) -> browser.Browser:
    chromium.size(WIDTHS[request.param], 900, mobile=request.param == "phone")
    chromium.open(path)
    return chromium


def test_every_plot_is_drawn_and_nothing_else_is_asked_for(
    opened: browser.Browser, made_up: Report, path: Path
) -> None:
    drawn = opened.script(DRAWN)
    assert [found["id"] for found in drawn] == [p.id for section in page.sections(made_up) for p in section.plots]
    for found in drawn:
        assert found["drawn"], found
        assert found["marks"] > 0, found
        assert found["titles"], found
        assert 250 < found["width"] <= opened.script("return document.body.clientWidth"), found
        assert found["height"] > 100, found
    assert opened.messages() == []
    assert {url for url in opened.requests() if not url.startswith("data:")} == {path.as_uri()}


def test_the_page_is_as_wide_as_the_window(opened: browser.Browser) -> None:
    width, window = opened.script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert width == window


def test_a_price_is_reckoned_with(opened: browser.Browser, made_up: Report) -> None:
    rates = sorted(cost.items_per_core_second for cost in made_up.costs)
    assert sorted(row[0] for row in opened.script(COSTS)) == rates
    assert {tuple(row[1:]) for row in opened.script(COSTS)} == {("–", "–")}
    opened.script(TYPE_A_PRICE, "0.05", "CHF")
    for rate, per_unit, per_billion in opened.script(COSTS):
        number, prefix = per_unit.split("\N{NO-BREAK SPACE}")
        assert float(number) * {"G": 1e9, "T": 1e12}[prefix] == pytest.approx(rate * 3600 / 0.05, rel=0.005)
        assert float(per_billion) == pytest.approx(1e9 * 0.05 / (rate * 3600), rel=0.005)
    places, title = opened.script(COST_PLOT)
    titles = plot.main_titles(cost.case for cost in made_up.costs)
    shown = sorted(cost.items_per_core_second for cost in made_up.costs if cost.case.title in titles)
    assert len(shown) == len(rates) - 1
    assert sorted(places) == pytest.approx([rate * 3600 / 0.05 for rate in shown])
    assert title == "items for 1 CHF"
    for nonsense in ("", "0", "-1"):
        opened.script(TYPE_A_PRICE, nonsense, "")
        assert {tuple(row[1:]) for row in opened.script(COSTS)} == {("–", "–")}
        assert opened.script(COST_PLOT)[1] == "items per core-second"
    assert opened.messages() == []


def test_tables_open_with_all_rows(opened: browser.Browser, made_up: Report) -> None:
    opened.script("for (const details of document.querySelectorAll('details')) details.open = true")
    counts = opened.script(
        "return [...document.querySelectorAll('details table')].map((t) => t.tBodies[0].rows.length)"
    )
    plots = [shown for section in page.sections(made_up) for shown in section.plots if section.id != "cost"]
    assert counts == [len(shown.table.rows) for shown in plots]


def test_colours_follow_the_system(chromium: browser.Browser, path: Path) -> None:
    inks = []
    for dark in (False, True):
        chromium.size(1100, 900, dark=dark)
        chromium.open(path)
        text = "getComputedStyle(document.querySelector('.plot .xtick text')).fill"
        inks.append(chromium.script(f"return [getComputedStyle(document.body).color, {text}]"))
    assert inks[0][0] == inks[0][1]
    assert inks[1][0] == inks[1][1]
    assert inks[0] != inks[1]


def test_it_prints(chromium: browser.Browser, path: Path) -> None:
    chromium.size(1100, 900)
    chromium.open(path)
    assert chromium.print().startswith(b"%PDF-")
    assert chromium.messages() == []


def test_the_policy_forbids_requests(chromium: browser.Browser, path: Path) -> None:
    chromium.open(path)
    chromium.script("document.body.append(Object.assign(new Image(), { src: 'https://example.invalid/x.png' }))")
    chromium.script("return fetch('https://example.invalid/y').catch(() => null)")
    refused = [message for message in chromium.messages() if "Content Security Policy" in message]
    assert all(any(file in message for message in refused) for file in ("x.png", "/y"))
