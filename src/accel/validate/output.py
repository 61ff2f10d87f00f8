"""A report in the forms that others read: JSON, JUnit, one HTML page."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import jinja2
from junitparser import Failure, JUnitXml, Skipped, TestCase, TestSuite

from accel.validate import Outcome, Report


def to_json(report: Report) -> dict[str, Any]:
    """What ``accel validate --json`` prints."""
    first = report.first_failure
    return {
        "device": report.device,
        "product": report.product,
        "passed": report.passed,
        "thorough": report.thorough,
        "seed": report.seed,
        "counts": {outcome: sum(r.outcome == outcome for r in report.results) for outcome in Outcome},
        "checks": [asdict(result) for result in report.results],
        "first_failure": None if first is None else first.name,
        "log": report.log,
    }


def to_junit(report: Report) -> str:
    """A JUnit file: one test suite, one test case for each check."""
    suite = TestSuite(f"accel validate {report.device}")
    suite.add_property("device", report.device)
    suite.add_property("product", report.product)
    suite.add_property("seed", str(report.seed))
    for result in report.results:
        case = TestCase(result.name, classname="accel.validate", time=round(result.seconds, 6))
        if result.outcome == Outcome.FAILED:
            case.result = [Failure(result.sentence)]
        elif result.outcome != Outcome.PASSED:
            case.result = [Skipped(result.sentence)]
        suite.add_testcase(case)
    document = JUnitXml("accel validate")
    document.add_testsuite(suite)
    text: bytes = document.tostring()  # type: ignore[no-untyped-call]
    return text.decode()


def to_html(report: Report, reproducer: str) -> str:
    """One page that loads nothing.

    Args:
        report: What was found.
        reproducer: The first failing command as JSON text; "" when there is none.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("accel.validate", "files"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    counts = {outcome.value: sum(r.outcome == outcome for r in report.results) for outcome in Outcome}
    return environment.get_template("report.html.j2").render(report=report, counts=counts, reproducer=reproducer)
