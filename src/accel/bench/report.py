"""The report of a benchmark: what was measured, on what, beside whom; its JSON is read and written here.

A report is plain data. Rates are items per second, and what an item is stands in `OPERATIONS`; latencies are
microseconds; every figure that was measured in rounds keeps the value of each round. What could not be measured is
None or absent, never zero.

The JSON has the fields of the classes below under the same names. ``schema`` is `SCHEMA`; within one schema, fields are
only ever added, with a default, so that old reports stay readable.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final, Literal, Self, TypeAlias

import msgspec

from accel.errors import AccelError

SCHEMA: Final = "accel-bench/1"

MAX_REPORT_BYTES = 64 << 20
"""Larger files are refused unread: a report is some hundred kilobytes."""

ACCEL_ITSELF: Final = frozenset({"no hints"})
"""Peers of the native runner that are accel in another way: their ratios compare ways, and not libraries."""

QUIET_CORE_SHARE: Final = 0.95
"""Of a core that a process has on a machine that does nothing else, at least (`Report.core_share`)."""

Keys: TypeAlias = Literal["unknown", "known", "hinted"]
Clock: TypeAlias = Literal["thread-cpu", "wall"]


class ReportError(AccelError):
    """A file is not a report that this version reads; the sentence names the field."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation that is measured: how it is called in tables, and what one item of it is."""

    title: str
    item: str


OPERATIONS: dict[str, Operation] = {
    "sm3.hash": Operation("SM3", "message"),
    "merkle.root": Operation("Merkle root", "leaf"),
    "sm2.verify": Operation("SM2 verify, digests", "signature"),
    "sm2.verify_message": Operation("SM2 verify, messages", "signature"),
    "sm2.sign": Operation("SM2 sign, digests", "signature"),
    "sm2.sign_message": Operation("SM2 sign, messages", "signature"),
    "sm2.generate": Operation("SM2 key pairs", "key pair"),
}


@dataclass(frozen=True, slots=True)
class Case:
    """What is called, and how: rows of two reports with equal cases can be compared.

    Attributes:
        operation: one of `OPERATIONS`.
        kernel: the kernel that was forced, and was counted to have run.
        keys: for verification: of unknown signers, of a ring of known ones, or unknown with recovery hints.
        batch: items in one call.
        message_length: bytes of each message or leaf; None where the input is digests or nothing.
        threads: of the pool, the caller's included.
    """

    operation: str
    kernel: str
    batch: int
    threads: int = 1
    keys: Keys | None = None
    message_length: int | None = None

    def __post_init__(self) -> None:
        _require(self.operation in OPERATIONS, f"operation: expected {', '.join(OPERATIONS)}, got {self.operation!r}")
        _require(bool(self.kernel), "kernel: expected a name, got an empty string")
        _at_least(1, batch=self.batch, threads=self.threads)
        _at_least(0, message_length=self.message_length)

    @property
    def title(self) -> str:
        """The operation with keys and message length, for tables: `SM2 verify, digests, unknown keys`."""
        keys = {None: "", "unknown": ", unknown keys", "known": ", known keys", "hinted": ", hinted"}[self.keys]
        length = "" if self.message_length is None else f", {self.message_length} B"
        return f"{OPERATIONS[self.operation].title}{keys}{length}"

    @property
    def item(self) -> str:
        """What one item is: `signature`."""
        return OPERATIONS[self.operation].item


@dataclass(frozen=True, slots=True)
class Spread:
    """One figure measured in rounds: median, lowest, highest, and the value of each round in order."""

    median: float
    low: float
    high: float
    rounds: tuple[float, ...]

    def __post_init__(self) -> None:
        _require(bool(self.rounds), "rounds: expected at least one value")
        _positive(**{f"rounds[{i}]": value for i, value in enumerate(self.rounds)})
        expected = (median(self.rounds), min(self.rounds), max(self.rounds))
        given = (self.median, self.low, self.high)
        _require(
            all(math.isclose(a, b, rel_tol=1e-9) for a, b in zip(given, expected, strict=True)),
            f"median, low, high: expected {expected} of the rounds, got {given}",
        )

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Median and spread of positive values, one for each round."""
        return cls(median(values), min(values), max(values), tuple(values))


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles in microseconds (the nearest rank: a latency that occurred), and how many were counted."""

    count: int
    p50: float
    p90: float
    p99: float
    p99_9: float
    max: float

    def __post_init__(self) -> None:
        _at_least(1, count=self.count)
        values = (self.p50, self.p90, self.p99, self.p99_9, self.max)
        _require(all(map(math.isfinite, values)) and values[0] >= 0, f"latency: expected microseconds, got {values}")
        _require(list(values) == sorted(values), f"latency: expected ascending percentiles, got {values}")


@dataclass(frozen=True, slots=True)
class Bound:
    """The rate that one resource of a core would allow if nothing else took time.

    Attributes:
        resource: what limits: `512-bit IFMA multiplications`.
        operations_per_item: of that resource, counted in the kernel; the source says where.
        operations_per_s: what a core does of them, by a loop of nothing else in the same run.
        rate_per_s: the quotient, items per second and core.
        fraction: of that rate, what was measured (median).
        source: file and section where the count stands.
    """

    resource: str
    operations_per_item: float
    operations_per_s: float
    rate_per_s: float
    fraction: float
    source: str

    def __post_init__(self) -> None:
        _positive(
            operations_per_item=self.operations_per_item,
            operations_per_s=self.operations_per_s,
            rate_per_s=self.rate_per_s,
            fraction=self.fraction,
        )


@dataclass(frozen=True, slots=True)
class Throughput:
    """Items per second in one case.

    Attributes:
        case: what was called.
        clock: the thread's CPU time (one thread), or the wall clock.
        rate_per_s: items per second.
        cycles_per_item: of a core, at the clock measured in the same run; None if it could not be.
        bound: how far away the limit is; None where no bound is known for this case on this CPU.
    """

    case: Case
    clock: Clock
    rate_per_s: Spread
    cycles_per_item: float | None = None
    bound: Bound | None = None


@dataclass(frozen=True, slots=True)
class ClosedLatency:
    """Latency of one caller that calls batches back to back: from call to return, wall clock."""

    case: Case
    latency_us: Latency


@dataclass(frozen=True, slots=True)
class Load:
    """One offered load of an open loop.

    Attributes:
        offered_per_s: items per second that arrive, whatever the server does.
        achieved_per_s: items per second that were answered.
        latency_us: from the intended arrival of each item to its answer; None if nothing was answered.
        dropped: arrivals that found the queue full; they count as not achieved.
        broke: why this load was more than could be served, or None: `the achieved rate fell behind` and so on.
    """

    offered_per_s: float
    achieved_per_s: float
    latency_us: Latency | None
    dropped: int = 0
    broke: str | None = None

    def __post_init__(self) -> None:
        _positive(offered_per_s=self.offered_per_s)
        _at_least(0, achieved_per_s=self.achieved_per_s, dropped=self.dropped)


@dataclass(frozen=True, slots=True)
class OpenLatency:
    """Latency under ascending loads until one breaks; `case.batch` is the most that one call gathers."""

    case: Case
    loads: tuple[Load, ...]

    def __post_init__(self) -> None:
        _require(bool(self.loads), "loads: expected at least one")


@dataclass(frozen=True, slots=True)
class ScalingPoint:
    """The rate on a number of threads, and its efficiency: rate over threads times the rate of one thread."""

    threads: int
    rate_per_s: Spread
    efficiency: Spread

    def __post_init__(self) -> None:
        _at_least(1, threads=self.threads)


@dataclass(frozen=True, slots=True)
class Scaling:
    """One case (its `threads` is the highest number) on ascending numbers of threads, wall clock."""

    case: Case
    points: tuple[ScalingPoint, ...]

    def __post_init__(self) -> None:
        _require(bool(self.points), "points: expected at least one")


@dataclass(frozen=True, slots=True)
class Ratio:
    """accel beside a peer: both measured in the same rounds, in turn.

    Attributes:
        case: what accel did.
        peer: name of one of the report's peers.
        ours_per_s: accel's items per second.
        theirs_per_s: the peer's items per second, doing the same.
        ratio: ours over theirs, round by round.
        runner: who measured: this program, or the native runner of the benchmarks.
        floor: what the ratio must reach, where the project sets itself one.
        goal: what it is meant to reach.
        task: the native runner's own words for what both did, where `case` says less than that.
    """

    case: Case
    peer: str
    ours_per_s: Spread
    theirs_per_s: Spread
    ratio: Spread
    runner: Literal["python", "native"] = "python"
    floor: float | None = None
    goal: float | None = None
    task: str | None = None

    @property
    def title(self) -> str:
        """What both did, for tables."""
        return self.case.title if self.task is None else self.task

    @property
    def key(self) -> tuple[Case, str, str | None]:
        """What identifies the row in a report: the same in two reports whose rows can be compared."""
        return self.case, self.peer, self.task


@dataclass(frozen=True, slots=True)
class Price:
    """What an hour of a core costs."""

    per_core_hour: float
    currency: str

    def __post_init__(self) -> None:
        _positive(per_core_hour=self.per_core_hour)
        _require(bool(self.currency.strip()), "currency: expected a name, got an empty one")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a case costs on all the cores that it was measured on.

    Attributes:
        case: what was called; on one thread the core-seconds are CPU time, on several of the wall clock.
        items_per_core_second: the median rate over the threads.
        items_per_unit: items for one unit of the price's currency; None without a price.
    """

    case: Case
    items_per_core_second: float
    items_per_unit: float | None = None

    def __post_init__(self) -> None:
        _positive(items_per_core_second=self.items_per_core_second)


@dataclass(frozen=True, slots=True)
class Machine:
    """What it ran on.

    Attributes:
        cpu: the model's name as the system tells it.
        architecture: `x86_64`, `aarch64`.
        cores: logical processors of the machine.
        usable_cores: those that this process may run on.
        features: the CPU features that matter to kernels.
        memory_bytes: of the machine; None if not known.
        os: system and kernel release.
        family: CPU family, model and stepping numbers (x86), else None.
        hypervisor: whether the CPU says that it is a virtual one.
        clock_hz: of one core while it worked, by a chain of dependent additions; None if not measured.
    """

    cpu: str
    architecture: str
    cores: int
    usable_cores: int
    features: tuple[str, ...]
    memory_bytes: int | None
    os: str
    family: tuple[int, int, int] | None = None
    hypervisor: bool = False
    clock_hz: float | None = None


@dataclass(frozen=True, slots=True)
class Software:
    """What ran: versions; `commit` in a checkout (`-dirty` behind it when files had changed), else None."""

    accel: str
    abi: int
    python: str
    numpy: str
    compiler: str | None = None
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """How it was measured.

    Attributes:
        rounds: in which all rows of a series take their turns.
        seconds: that each row takes at least in a round.
        quick: it was to show that it works, and not how fast.
        core: to which one-threaded measurements were pinned; None if they could not be.
        seed: of inputs and arrivals.
        adaptive_tables: whether the library made tables by itself for keys that it saw often.
        p99_limit_us: above which an offered load counts as broken.
        command: the arguments as given.
    """

    rounds: int
    seconds: float
    quick: bool = False
    core: int | None = None
    seed: int = 1
    adaptive_tables: bool = False
    p99_limit_us: float | None = None
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PeerInfo:
    """A peer that was found: its name, its version, and how it is called."""

    name: str
    version: str
    how: str


@dataclass(frozen=True, slots=True)
class MissingPeer:
    """A peer that was not measured, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that one run of `accel bench` found. `date` is UTC in ISO 8601, to the second.

    `core_share` says how much of its core the process had while the rates of one thread were measured: what is missing
    to 1 went to other work on the machine, and makes latencies, scaling and cost worse than they are.
    """

    schema: Literal["accel-bench/1"] = SCHEMA
    date: str
    duration_s: float
    core_share: float | None = None
    machine: Machine
    software: Software
    settings: Settings
    peers: tuple[PeerInfo, ...] = ()
    missing_peers: tuple[MissingPeer, ...] = ()
    throughput: tuple[Throughput, ...] = ()
    closed_loop: tuple[ClosedLatency, ...] = ()
    open_loop: tuple[OpenLatency, ...] = ()
    scaling: tuple[Scaling, ...] = ()
    ratios: tuple[Ratio, ...] = ()
    price: Price | None = None
    costs: tuple[Cost, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        known = {peer.name for peer in self.peers}
        for ratio in self.ratios:
            _require(ratio.peer in known, f"ratios: {ratio.peer!r} is none of the peers {sorted(known)}")


def to_json(report: Report) -> bytes:
    """The report as JSON (UTF-8, indented, a newline at the end): the same bytes for equal reports.

    Raises:
        ReportError: it has a value that JSON or the report's own rules do not allow, such as NaN.
    """
    encoded = msgspec.json.encode(report)
    try:
        read = msgspec.json.decode(encoded, type=Report)  # where a float was an int, it is one no more
    except msgspec.DecodeError as error:
        raise ReportError(f"report: {error}") from error
    return msgspec.json.format(msgspec.json.encode(read), indent=1) + b"\n"


def from_json(data: bytes, name: str = "report") -> Report:
    """Read a report.

    Args:
        data: UTF-8 JSON.
        name: what errors call it, such as the file's name.

    Raises:
        ReportError: it is no JSON, another schema, or a field is missing, of another type or impossible.
    """
    if len(data) > MAX_REPORT_BYTES:
        raise ReportError(f"{name}: expected at most {MAX_REPORT_BYTES} bytes, got {len(data)}")
    try:
        schema = msgspec.json.decode(data, type=_AnyReport).schema
        if schema != SCHEMA:
            raise ReportError(f"{name}: expected the schema {SCHEMA}, got {schema}")
        return msgspec.json.decode(data, type=Report)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ReportError(f"{name}: not a report of `accel bench`: {error}") from error


def load(path: str | os.PathLike[str]) -> Report:
    """Read a report from a file.

    Raises:
        ReportError: as `from_json`.
        OSError: the file cannot be read.
    """
    with Path(path).open("rb") as file:
        return from_json(file.read(MAX_REPORT_BYTES + 1), os.fspath(path))


def save(report: Report, path: str | os.PathLike[str]) -> None:
    """Write a report to a file, which is replaced as a whole or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    target = Path(path)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        partial.write_bytes(to_json(report))
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


class _AnyReport(msgspec.Struct):
    """As much as all versions have in common."""

    schema: str


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise ValueError(sentence)


def _positive(**values: float) -> None:
    for name, value in values.items():
        _require(math.isfinite(value) and value > 0, f"{name}: expected a positive number, got {value}")


def _at_least(least: int, **values: float | None) -> None:
    for name, value in values.items():
        enough = value is None or (math.isfinite(value) and value >= least)
        _require(enough, f"{name}: expected {least} or more, got {value}")
