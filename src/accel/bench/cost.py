"""What an operation costs: items for a second of a core, and for one unit of currency."""

from __future__ import annotations

from collections.abc import Sequence

from accel.bench.report import Cost, Price, Scaling, Throughput


def costs(throughput: Sequence[Throughput], scaling: Sequence[Scaling], price: Price | None) -> tuple[Cost, ...]:
    """Items per core-second and for one unit of currency: of each operation's best rate on one thread, then on all.

    On one thread a core-second is CPU time, which other work on the machine does not touch. A node that pays for all of
    its cores cares for the rate on all threads, over their number.
    """
    best: dict[tuple[str, str | None, int | None], Throughput] = {}
    for row in throughput:
        key = (row.case.operation, row.case.keys, row.case.message_length)
        if row.case.threads == 1 and (key not in best or row.rate_per_s.median > best[key].rate_per_s.median):
            best[key] = row
    per_core = {row.case: row.rate_per_s.median for row in best.values()}
    per_core |= {row.case: row.points[-1].rate_per_s.median / row.points[-1].threads for row in scaling}
    return tuple(
        Cost(case, rate, None if price is None else rate * 3600 / price.per_core_hour)
        for case, rate in per_core.items()
    )
