"""Plant every mutant of the consensus engine, and write which seed finds it into a page of the documentation.

python tools/mutant_table.py docs/consensus-simulation.md

The table stands between two comments of the page. Exit code 1: some mutant is not found within 1,000 seeds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from accel.cli.output import progress_bar
from accel.consensus.simulation.mutants import mutants
from accel.consensus.simulation.runner import MutantResult, run_mutants

BEGIN = "<!-- mutants: made by make mutants -->"
END = "<!-- end of mutants -->"
SEEDS = 1000


def table(results: Sequence[MutantResult]) -> str:
    """The results as a table in Markdown."""
    lines = ["| mutant | in | what is wrong | found by seed | as a violation of |", "|---|---|---|---|---|"]
    for result in results:
        mutant = mutants()[result.name]
        seed = f"none of {result.seeds}" if result.seed is None else str(result.seed)
        lines.append(f"| `{mutant.name}` | {mutant.modules} | {mutant.what} | {seed} | {result.check} |")
    return "\n".join(lines)


def spliced(page: str, content: str) -> str:
    """The page with `content` between its comments."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"the page has no {BEGIN} … {END}")
    return f"{before}{begin}\n\n{content}\n\n{end}{after}"


def main() -> int:
    """Run the campaign."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    page: Path = parser.parse_args().page
    spliced(page.read_text(encoding="utf-8"), "")
    results = []
    with progress_bar("planting") as progress:
        for result in run_mutants(mutants(), 0, SEEDS):
            results.append(result)
            progress(len(results), len(mutants()))
    page.write_text(spliced(page.read_text(encoding="utf-8"), table(results)), encoding="utf-8")
    missed = [result.name for result in results if result.seed is None]
    print(f"{len(results) - len(missed)} of {len(results)} mutants found within {SEEDS} seeds")
    for name in missed:
        print(f"not found: {name}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
