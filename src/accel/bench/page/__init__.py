"""One self-contained HTML page of a benchmark's report, for people.

The page loads nothing: plotly.js, style and script stand in it, and its content security policy forbids requests. It is
a function of the report and of the installed plotly alone: no clock, no random names, so that a page made again from
the same JSON is the same, byte for byte. Without plotly.js (`render`) it does not depend on that library's version.
"""

from __future__ import annotations

from pathlib import Path

import jinja2
import markupsafe
import plotly.offline

from accel.bench.page import bound, cost, latency, ratios, summary, throughput
from accel.bench.page.plot import Plot, Section
from accel.bench.report import Report

_FILES = Path(__file__).parent / "files"


def sections(report: Report) -> tuple[Section, ...]:
    """The parts of the page that have plots, in the order of the page."""
    return (
        ratios.ratios(report),
        throughput.throughput(report),
        latency.closed_loop(report),
        latency.open_loop(report),
        throughput.scaling(report),
        bound.bounds(report),
        cost.cost(report),
    )


def render(report: Report, *, plotly_js: bool = True) -> str:
    """The page of a report: one HTML document of about 5 MB, nearly all of it plotly.js.

    Args:
        report: what was measured.
        plotly_js: put plotly.js in. Without it the page shows its tables alone, and is what a stored digest is of.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FILES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("page.html.j2").render(
        report=report,
        title=f"accel {report.software.accel} on {report.machine.cpu}",
        warnings=summary.warnings(report),
        sentences=summary.sentences(report),
        cards=summary.cards(report),
        facts=summary.facts(report),
        sections=sections(report),
        costs=cost.costs(report),
        figure_json=_figure_json,
        style=_text("page.css"),
        script=_text("page.js"),
        plotly_js=markupsafe.Markup(plotly.offline.get_plotlyjs()) if plotly_js else "",  # noqa: S704  the library itself
    )


def _text(name: str) -> markupsafe.Markup:
    return markupsafe.Markup((_FILES / name).read_text(encoding="utf-8"))  # noqa: S704  a file of this package


def _figure_json(plot: Plot) -> markupsafe.Markup:
    """The figure for a script element, which ends at the first `</`, wherever it stands."""
    text: str = plot.figure.to_json(engine="json")  # whether or not another encoder is installed
    return markupsafe.Markup(text.replace("<", "\\u003c"))  # noqa: S704  JSON without <
