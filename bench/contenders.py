"""Who takes part in a suite: every kernel of accel with batches of several sizes, and every peer that was found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import accel
from accel.bench import peers, runner, workload
from accel.bench.plan import COUNTERS, HINTED_KERNELS
from accel.bench.report import Case, Keys


@dataclass(frozen=True)
class Contender:
    """One row of a table.

    Attributes:
        name: With kernel and batch, or with version.
        group: The table.
        facts: For the JSON.
        prepare: Checks the answers and returns the work.
    """

    name: str
    group: str
    facts: dict[str, str | int | None]
    prepare: Callable[[], peers.Work]


def contenders(
    operation: str, *, batches: Sequence[int], lengths: Sequence[int | None], keys: Sequence[Keys | None]
) -> Iterator[Contender]:
    """Return the rows of one operation.

    Args:
        operation: Of `accel.bench.report.OPERATIONS`.
        batches: Of accel's calls.
        lengths: Of messages, a table for each; None where there are none.
        keys: Of accel's calls; None where it does not verify. Peers keep nothing for a key: they get unknown ones.
    """
    for length in lengths:
        size = "" if length is None else f", {length} B"
        group = Case(operation, "any", 1, message_length=length).title
        for kernel in accel.available_kernels(COUNTERS[operation]):
            for kind in keys:
                if kind == "hinted" and kernel not in HINTED_KERNELS:
                    continue
                for batch in batches:
                    yield _ours(Case(operation, kernel, batch, 1, kind, length), max(batches), group, size)
        for peer in peers.find():
            if operation in peer.operations:
                unknown: Keys | None = "unknown" if keys[0] else None
                yield Contender(
                    f"{peer.name} {peer.version}{size}",
                    group,
                    {"peer": peer.name, "version": peer.version, "how": peer.how},
                    partial(_theirs, peer, operation, max(batches), unknown, length),
                )


def _ours(case: Case, largest: int, group: str, size: str) -> Contender:
    kind = {
        None: "",
        "unknown": ", unknown keys",
        "known": f", {workload.KNOWN_SIGNERS} known keys",
        "hinted": ", unknown keys with hints",
    }[case.keys]
    facts = {"kernel": case.kernel, "batch": case.batch, "keys": case.keys, "length": case.message_length}
    return Contender(
        f"accel {case.kernel}{kind}, batches of {case.batch}{size}", group, facts, partial(_work, case, largest)
    )


def _work(case: Case, largest: int) -> peers.Work:
    runner.force(case)
    work = _largest_work(replace(case, batch=largest))
    runner.check_counted(case, work)
    return partial(work, case.batch)


@cache
def _largest_work(case: Case) -> runner.Work:
    """Work that does batches of all sizes, over one workload: a ring's tables take seconds to settle."""
    return runner.make(case, _workload(case.operation, case.batch, case.keys, case.message_length))


def _theirs(peer: peers.Peer, operation: str, batch: int, keys: Keys | None, length: int | None) -> peers.Work:
    return peer.operations[operation](_workload(operation, batch, keys, length))


@cache
def _workload(operation: str, batch: int, keys: Keys | None, length: int | None) -> workload.Workload:
    return workload.make(operation, batch=batch, message_length=length, keys=keys)
