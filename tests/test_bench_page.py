"""The page of a report: complete, the same each time, free of requests, and right."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("plotly")
pytest.importorskip("jinja2")

from accel.bench import page, report, text
from accel.bench.page import summary
from accel.bench.report import Case, PeerInfo, Price, Ratio, Report, Spread, Throughput
from oracles.reports import BATCHES, Maker


@pytest.fixture(scope="module")
def made_up() -> Report:
    return Maker(1).report(price=Price(0.04, "EUR"))


@pytest.fixture(scope="module")
def html(made_up: Report) -> str:
    return page.render(made_up, plotly_js=False)


class Elements(HTMLParser):
    """Everything that has an attribute, and the text of elements that hold data."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.attributes: list[tuple[str, str, str]] = []
        self.ids: list[str] = []
        self.scripts: dict[str, str] = {}
        self.open: list[str] = []
        self._script: str | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "link", "input"}:
            self.open.append(tag)
        for name, value in attrs:
            self.attributes.append((tag, name, value or ""))
            if name == "id":
                self.ids.append(value or "")
        self._script = dict(attrs).get("id") if tag == "script" else None

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            self.scripts[self._script] = self.scripts.get(self._script, "") + data


def figures(text: str) -> dict[str, Any]:
    return {
        name.removesuffix("-figure"): json.loads(data)
        for name, data in Elements(text).scripts.items()
        if name.endswith("-figure")
    }


def test_the_same_report_gives_the_same_bytes_in_every_process(made_up: Report, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    report.save(made_up, path)
    program = (
        "import sys, hashlib; from accel.bench import page, report;"
        "print(hashlib.sha256(page.render(report.load(sys.argv[1])).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program, str(path)],
            env=os.environ | {"PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": locale},
            check=True,
            capture_output=True,
            text=True,
            timeout=300,
        ).stdout.strip()
        for seed, zone, locale in [("0", "UTC", "C"), ("1", "Asia/Shanghai", "C.UTF-8")]
    }
    assert digests == {hashlib.sha256(page.render(made_up).encode()).hexdigest()}


def test_the_page_asks_for_nothing(html: str) -> None:
    elements = Elements(html)
    assert not elements.open, "an element is not closed"
    policy = next(value for _, name, value in elements.attributes if name == "content" and "default-src" in value)
    assert "default-src 'none'" in policy
    assert "http" not in policy
    for tag, name, value in elements.attributes:
        if name in {"src", "href", "srcset", "action", "data", "poster"}:
            assert value.startswith(("#", "data:")), (tag, name, value)
    style = html[html.index("<style>") : html.index("</style>")]
    assert not re.search(r"url\(|@import", style)
    assert not re.search(r"https?://", html)


def test_plotly_js_stands_in_the_page(made_up: Report, html: str) -> None:
    complete = page.render(made_up)
    assert "plotly.js v" in complete[:200_000]
    assert len(complete) > 1_000_000 > len(html)
    assert not Elements(complete).open


def test_links_lead_to_parts_of_the_page_and_ids_are_unique(html: str) -> None:
    elements = Elements(html)
    assert len(elements.ids) == len(set(elements.ids))
    targets = [value[1:] for _, name, value in elements.attributes if name == "href" and value.startswith("#")]
    assert len(targets) == 9
    described = [value for _, name, value in elements.attributes if name in {"aria-describedby", "for"}]
    assert set(targets + described) <= set(elements.ids)


def test_text_from_the_report_is_text(html: str) -> None:
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "Made-up CPU &lt;4 GHz&gt; &amp; more" in html


def test_every_plot_has_titles_units_a_reading_and_a_table(made_up: Report) -> None:
    plots = [plot for section in page.sections(made_up) for plot in section.plots]
    assert len(plots) == 12
    for plot in plots:
        layout = plot.figure.layout
        assert layout.xaxis.title.text, plot.id
        assert layout.yaxis.title.text or layout.yaxis.showticklabels is False, plot.id
        assert plot.reading.endswith("."), plot.id
        assert plot.table.rows, plot.id
        assert all(len(row) == len(plot.table.columns) for row in plot.table.rows), plot.id


def test_throughput_shows_medians_spreads_and_peers(made_up: Report, html: str) -> None:
    figure = figures(html)["throughput-sm2-verify-1"]
    traces = {trace["name"]: trace for trace in figure["data"]}
    assert set(traces) == {
        "avx512ifma, known keys",
        "avx512ifma, unknown keys",
        "portable, known keys",
        "portable, unknown keys",
        "OpenSSL",
        "crypto_mb",
    }
    for row in made_up.throughput:
        if row.case == Case("sm2.verify", "avx512ifma", 256, 1, "known"):
            trace = traces["avx512ifma, known keys"]
            at = trace["x"].index(256)
            assert trace["x"] == list(BATCHES)
            assert trace["y"][at] == row.rate_per_s.median
            assert trace["error_y"]["array"][at] == row.rate_per_s.high - row.rate_per_s.median
            assert trace["error_y"]["arrayminus"][at] == row.rate_per_s.median - row.rate_per_s.low
    peer = traces["OpenSSL"]
    assert peer["line"]["dash"] != "solid"
    assert peer["x"] == [1, 4096]  # level: measured at one batch
    assert peer["y"][0] == peer["y"][1] == pytest.approx(1.2e5 / 8, rel=10)


def test_bytes_per_second_over_message_length(made_up: Report, html: str) -> None:
    trace = figures(html)["length-sm3-hash-1"]["data"][0]
    rows = {row.case: row.rate_per_s.median for row in made_up.throughput}
    assert trace["name"] == "avx512"
    assert trace["y"] == [rows[Case("sm3.hash", "avx512", 4096, 1, None, n)] * n for n in (64, 1024)]


def test_ratios_show_floors_and_goals(made_up: Report, html: str) -> None:
    all_figures = figures(html)
    closest = {trace["name"]: trace for trace in all_figures["ratios-0"]["data"]}
    assert closest["floor set by the project"]["x"] == [1.5] * 5
    assert closest["goal set by the project"]["x"] == [4.0] * 5
    expected = {row.case.title: row.ratio.median for row in made_up.ratios if row.peer == "crypto_mb"}
    assert sorted(closest["median, lowest and highest round"]["x"]) == sorted(expected.values())
    assert "ratios-1" not in all_figures  # nothing is asked beside OpenSSL: it stands in the plot of all


def test_all_peers_stand_in_one_plot(made_up: Report, html: str) -> None:
    peers = {trace["name"]: trace for trace in figures(html)["ratios-all"]["data"]}
    assert list(peers) == ["crypto_mb", "OpenSSL"]  # the strongest first
    for name, trace in peers.items():
        expected = sorted(row.ratio.median for row in made_up.ratios if row.peer == name)
        assert sorted(trace["x"]) == expected
    assert len({trace["marker"]["color"] for trace in peers.values()}) == 2


def test_the_breaking_load_is_marked(made_up: Report, html: str) -> None:
    figure = figures(html)["open-0"]
    broken = next(load for load in made_up.open_loop[0].loads if load.broke)
    shapes = figure["layout"]["shapes"]
    assert [shape["x0"] for shape in shapes if shape["x0"] == shape["x1"]] == [broken.offered_per_s]
    assert {shape["y0"] for shape in shapes} >= {100_000.0}  # the limit of p99
    assert "it breaks: p99 is above the limit" in html


def test_scaling_stands_beside_the_ideal(made_up: Report, html: str) -> None:
    figure = figures(html)["scaling-efficiency"]
    assert figure["data"][0]["name"] == "ideal"
    assert figure["data"][0]["y"] == [100, 100]
    assert len(figure["data"]) == 1 + 4  # of SM3's two message lengths the shorter


def test_main_figures_name_the_strongest_peer(made_up: Report) -> None:
    cards = {card.title: card for card in summary.cards(made_up)}
    assert list(cards) == [
        "SM3, 64 B",
        "SM2 verify, digests, unknown keys",
        "SM2 verify, digests, known keys",
        "SM2 sign, digests",
    ]
    for card in cards.values():
        assert card.beside == "crypto_mb"
        assert [other.split()[-1] for other in card.others] == ["OpenSSL"]


def test_accel_itself_is_no_peer_on_a_card(made_up: Report) -> None:
    itself = replace(made_up.ratios[-1], peer="no hints", ratio=Spread.of([0.5] * 5))
    more = replace(made_up, ratios=(*made_up.ratios, itself), peers=(*made_up.peers, PeerInfo("no hints", "", "accel")))
    assert summary.cards(more) == summary.cards(made_up)
    assert "Beside accel itself, no hints" in page.render(more, plotly_js=False)


def test_a_card_does_not_leave_out_a_peer_that_takes_messages_alone(made_up: Report) -> None:
    sign = next(row for row in made_up.ratios if row.case.operation == "sm2.sign" and row.peer == "crypto_mb")
    case = replace(sign.case, operation="sm2.sign_message", message_length=16)
    rows = [
        Ratio(case, "crypto_mb", *(Spread.of([2.0]),) * 2, Spread.of([value]), "native", task=f"sm2.sign {value}")
        for value in (4.9, 3.8)
    ]
    others = [row for row in made_up.ratios if row != sign]
    cards = {card.title: card for card in summary.cards(replace(made_up, ratios=(*others, *rows)))}
    card = cards["SM2 sign, digests"]
    assert (card.figure.replace(text.NBSP, " "), card.beside) == ("3.80 ×", "crypto_mb")  # the worse of the two
    assert "(sm2.sign 3.8)" in card.detail


def test_a_report_without_peers_shows_rates(made_up: Report) -> None:
    alone = replace(made_up, ratios=(), peers=(), missing_peers=())
    assert {card.beside for card in summary.cards(alone)} == {"messages a second", "signatures a second"}
    html = page.render(alone, plotly_js=False)
    assert "No peer was measured in this run." in html
    assert "No peer was looked for in this run." in html


def test_an_empty_report_says_what_is_absent(made_up: Report) -> None:
    empty = Report(
        date="yesterday",
        duration_s=1.0,
        machine=replace(made_up.machine, memory_bytes=None, family=None, clock_hz=None),
        software=replace(made_up.software, compiler=None, commit=None),
        settings=replace(made_up.settings, core=None, p99_limit_us=None, quick=True),
        core_share=0.41,
    )
    html = page.render(empty, plotly_js=False)
    assert len(re.findall(r'class="absent"', html)) == 8
    assert "A quick run" in html
    assert f"41{text.NBSP}% of its core" in html
    assert not figures(html)


def test_one_row_of_each_kind(made_up: Report) -> None:
    one = replace(
        made_up,
        throughput=made_up.throughput[:1],
        closed_loop=made_up.closed_loop[:1],
        open_loop=tuple(replace(row, loads=row.loads[:1]) for row in made_up.open_loop[:1]),
        scaling=made_up.scaling[:1],
        ratios=made_up.ratios[:1],
        costs=made_up.costs[:1],
    )
    assert len(figures(page.render(one, plotly_js=False))) == 6


def test_a_load_that_nothing_answered(made_up: Report) -> None:
    row = made_up.open_loop[0]
    silent = replace(row.loads[-1], latency_us=None, achieved_per_s=0.0, dropped=10, broke="nothing was answered")
    html = page.render(replace(made_up, open_loop=(replace(row, loads=(silent,)),)), plotly_js=False)
    assert "No load of this run was served." in html
    assert "breaks: nothing was answered" in html


def test_rows_of_the_native_runner(made_up: Report) -> None:
    case = Case("merkle.root", "avx512", 1 << 20)
    row = Ratio(case, "OpenSSL", *(Spread.of([2.0, 3.0]),) * 3, "native", task="merkle nodes, rfc9162, all kept")
    rate = Throughput(replace(case, message_length=None), "thread-cpu", Spread.of([5.0]))
    html = page.render(
        replace(made_up, ratios=(*made_up.ratios, row), throughput=(*made_up.throughput, rate)), plotly_js=False
    )
    assert html.count("merkle nodes, rfc9162, all kept") >= 2
    assert [trace["name"] for trace in figures(html)["throughput-merkle-root-1"]["data"]] == ["avx512"]


def test_costs_stand_in_the_page_as_numbers(made_up: Report, html: str) -> None:
    costs = [value for _, name, value in Elements(html).attributes if name == "data-items-per-core-second"]
    assert sorted(map(float, costs)) == sorted(cost.items_per_core_second for cost in made_up.costs)
    assert 'value="0.04"' in html
    assert 'value="EUR"' in html


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (text.si(411_900), "412 k"),
        (text.si(999_600), "1.00 M"),
        (text.si(63.04), "63.0"),
        (text.si(0), "0"),
        (text.tick(200_000), "200 k"),
        (text.tick_us(2500), "2.5 ms"),
        (text.microseconds(12.34), "12.3 µs"),
        (text.microseconds(0.5), "0.500 µs"),
        (text.microseconds(4_500), "4.50 ms"),
        (text.microseconds(1_200_000), "1.20 s"),
        (text.ratio(0.9587), "0.959 ×"),
        (text.ratio(12_345), "12,300 ×"),
        (text.percent(0.834), "83 %"),
        (text.percent(0.0834), "8.3 %"),
        (text.date("2026-11-26T03:26:07+00:00"), "2026-11-26 03:26 UTC"),
        (text.date("2026-11-26T03:26:07Z"), "2026-11-26 03:26 UTC"),
        (text.date("2026-11-26T03:26:07"), "2026-11-26 03:26 UTC"),
        (text.date("2026-11-26T03:26:07+08:00"), "2026-11-25 19:26 UTC"),
        (text.date("yesterday"), "yesterday"),
        (text.count(1, "core"), "1 core"),
        (text.plural_of("leaf"), "leaves"),
        (text.size(24 << 30), "24 GiB"),
    ],
)
def test_numbers_as_people_read_them(made: str, expected: str) -> None:
    assert made.replace(text.NBSP, " ") == expected
