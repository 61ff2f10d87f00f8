"""Results of `accel bench` that are kept in bench/results, their pages, and the picture of a page in the docs.

python tools/bench_results.py add REPORT.json     keep a report under its name, and the digest of its page
python tools/bench_results.py pages DIRECTORY     make the pages of all results again, and check them
python tools/bench_results.py refresh             write the digests anew, after the form of the page was changed
python tools/bench_results.py pictures DIRECTORY  pictures of the newest result's page (chromium, chromium-driver)
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from accel.bench import page, report
from accel.bench.report import Report

RESULTS = Path(__file__).parent.parent / "bench/results"
DIGESTS = "pages.sha256"
PICTURE_WIDTH, PICTURE_HEIGHT = 1100, 965
PICTURE_PLOT = "throughput-sm2-verify-1"

_NOISE = re.compile(r"\(R\)|\(TM\)|\b(CPU|Processor)\b|@.*$|\b\d+-Core\b", re.IGNORECASE)


def file_name(result: Report) -> str:
    """`2026-11-26-intel-xeon-avx512ifma.json`: the day, the CPU, and the kernel that verifies or works fastest."""
    cpu = re.sub(r"[^a-z0-9]+", "-", _NOISE.sub("", result.machine.cpu).lower()).strip("-")
    rows = [row for row in result.throughput if row.case.operation == "sm2.verify"] or result.throughput
    kernel = max(rows, key=lambda row: row.rate_per_s.median).case.kernel
    return f"{result.date[:10]}-{cpu}-{kernel}.json"


def digest(result: Report) -> str:
    """SHA-256 of the page without plotly.js."""
    return hashlib.sha256(page.render(result, plotly_js=False).encode()).hexdigest()


def results(directory: Path = RESULTS) -> list[Path]:
    """The results, the oldest first."""
    return sorted(directory.glob("*.json"))


def digests(paths: Iterable[Path]) -> str:
    """The digests of the results' pages, in the form of sha256sum."""
    return "".join(f"{digest(report.load(path))}  {path.with_suffix('.html').name}\n" for path in paths)


def add(source: Path, directory: Path = RESULTS) -> Path:
    """Keep a report; returns where."""
    result = report.load(source)
    if result.settings.quick:
        raise SystemExit(f"{source}: a quick run says nothing about speed")
    if result.software.commit is None or result.software.compiler is None:
        raise SystemExit(f"{source}: a result names the commit and the compiler, and this report does not")
    target = directory / file_name(result)
    report.save(result, target)
    refresh(directory)
    return target


def refresh(directory: Path = RESULTS) -> None:
    """Write the digests anew: after a result was added, or the page's form was changed."""
    (directory / DIGESTS).write_text(digests(results(directory)), encoding="utf-8")


def pages(target: Path) -> bool:
    """Make all pages; returns whether they are the ones that the digests were taken of."""
    target.mkdir(parents=True, exist_ok=True)
    for path in results():
        html = target / path.with_suffix(".html").name
        html.write_text(page.render(report.load(path)), encoding="utf-8")
        print(html)
    return digests(results()) == (RESULTS / DIGESTS).read_text(encoding="utf-8")


def pictures(target: Path) -> None:
    """The head of the newest result's page, and one of its plots."""
    import browser  # noqa: PLC0415  selenium, which the other actions do without

    with tempfile.TemporaryDirectory() as directory, browser.browser() as chromium:
        html = Path(directory) / "page.html"
        html.write_text(page.render(report.load(results()[-1])), encoding="utf-8")
        chromium.size(PICTURE_WIDTH, PICTURE_HEIGHT)
        chromium.open(html)
        (target / "benchmark-page.png").write_bytes(chromium.picture())
        (target / "benchmark-plot.png").write_bytes(chromium.picture(f"article:has(#{PICTURE_PLOT})"))


def main() -> None:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["add", "pages", "pictures", "refresh"])
    parser.add_argument("path", type=Path, nargs="?")
    options = parser.parse_args()
    if (options.path is None) != (options.action == "refresh"):
        parser.error(f"{options.action} takes {'no' if options.action == 'refresh' else 'a'} path")
    if options.action == "add":
        print(add(options.path))
    elif options.action == "refresh":
        refresh()
    elif options.action == "pictures":
        pictures(options.path)
    elif not pages(options.path):
        sys.exit(f"a page is not the one whose digest stands in bench/results/{DIGESTS}")


if __name__ == "__main__":
    main()
