"""One self-contained HTML page of a benchmark's report, for people.

The page loads nothing: plotly.js, style and script stand in it, and its content security policy forbids requests. It is
a function of the report and of the installed plotly alone: no clock, no random names, so that a page made again from
the same JSON is the same, byte for byte. Without plotly.js (`render`) it does not depend on that library's version.
"""

from __future__ import annotations

from accel.bench.page import bound, cost, document, latency, ratios, summary, throughput
from accel.bench.page.plot import Section
from accel.bench.report import Report


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
    return (
        document.environment()
        .get_template("page.html.j2")
        .render(
            report=report,
            title=f"accel {report.software.accel} on {report.machine.cpu}",
            warnings=summary.warnings(report),
            sentences=summary.sentences(report),
            cards=summary.cards(report),
            facts=summary.facts(report),
            sections=sections(report),
            costs=cost.costs(report),
            **document.parts(plotly_js=plotly_js),
        )
    )
