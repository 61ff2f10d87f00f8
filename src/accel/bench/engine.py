"""One run of `accel bench`: makes the inputs, measures every series of the plan, and puts the report together."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import accel
from accel import sm2
from accel.bench import bounds, latency, machine, native, peers, runner, workload
from accel.bench.cost import costs
from accel.bench.measure import CLOCKS, Progress, Side, accel_as_it_was, measure, pinned, ratio
from accel.bench.peers import Peer, PeerWrongAnswerError, cpu_clock
from accel.bench.plan import Options, Plan
from accel.bench.report import (
    Case,
    Clock,
    ClosedLatency,
    MissingPeer,
    OpenLatency,
    PeerInfo,
    Ratio,
    Report,
    Scaling,
    ScalingPoint,
    Settings,
    Spread,
    Throughput,
)
from accel.errors import AccelError

PhaseProgress = Callable[[str, int, int], None]
"""Called with (what is being done, steps done, steps in all)."""


class AdaptiveTablesError(AccelError):
    """The library makes tables by itself for keys it has seen: repeating them would measure known keys."""


def no_adaptive_tables() -> None:
    """Switch off the tables that the library makes by itself; before its first verification in this process.

    Raises:
        AdaptiveTablesError: the process has verified with them switched on.
    """
    os.environ["ACCEL_ADAPTIVE_TABLES"] = "0"
    if sm2.adaptive_tables().memory_limit:
        raise AdaptiveTablesError(
            "this process has verified with adaptive tables: unknown keys can only be measured in one that was started "
            "with ACCEL_ADAPTIVE_TABLES=0"
        )


class Engine:
    """What the series of a run share: the plan, the inputs, and works that are ready to be timed."""

    def __init__(self, plan: Plan, progress: PhaseProgress) -> None:
        self.plan = plan
        self._progress = progress
        self._workloads: dict[tuple[str, str | None, int | None], workload.Workload] = {}
        self._works: dict[Case, runner.Work] = {}
        self.loop_rates: dict[str, Spread] = {}
        self.core_share: float | None = None

    def workload(self, case: Case) -> workload.Workload:
        """Inputs for the largest batch; smaller batches take the first of them."""
        key = (case.operation, case.keys, case.message_length)
        if key not in self._workloads:
            self._workloads[key] = workload.make(
                case.operation,
                batch=self.plan.batches[-1],
                message_length=case.message_length,
                keys=case.keys,
                seed=self.plan.options.seed,
            )
        return self._workloads[key]

    def work(self, case: Case) -> runner.Work:
        """The case's work, answers checked; its kernel is in force afterwards."""
        runner.force(case)
        largest = replace(case, batch=self.plan.batches[-1], threads=1)
        if largest not in self._works:
            self._works[largest] = runner.make(largest, self.workload(case))
        return self._works[largest]

    def side(self, case: Case, clock: Clock) -> Side:
        """The case's work, to be timed: its kernel and number of threads are in force when it runs."""
        work = self.work(case)

        def prepare() -> None:
            runner.force(case)
            accel.set_num_threads(case.threads)

        return Side(partial(work, case.batch), prepare, CLOCKS[clock])

    def phase(self, name: str) -> Progress:
        """Progress of one phase."""
        return partial(self._progress, name)

    def make_all(self) -> None:
        """Make the inputs and check the answers of everything that will be measured."""
        cases = self.plan.throughput()
        for done, case in enumerate(cases):
            self.phase("making inputs, checking answers")(done, len(cases))
            runner.check_counted(case, self.work(case))

    def throughput(self, *, pinned_thread: bool) -> tuple[Throughput, ...]:
        """Rates of all cases: of those on one thread with the loops of single operations in the same rounds.

        Args:
            pinned_thread: the cases on one thread, by its CPU time; or the others, by the wall clock.
        """
        cases = [case for case in self.plan.throughput() if (case.threads == 1) == pinned_thread]
        clock: Clock = "thread-cpu" if pinned_thread else "wall"
        sides, loops = [self.side(case, clock) for case in cases], bounds.loops() if pinned_thread else {}
        rows = [[side] for side in (*loops.values(), *sides)]
        name = "throughput" if pinned_thread else "throughput on several threads"
        cpu, wall = time.thread_time(), time.perf_counter()
        measure(rows, self.plan.rounds, self.plan.seconds, self.phase(name))
        if pinned_thread:
            self.core_share = min(1.0, (time.thread_time() - cpu) / (time.perf_counter() - wall))
        self.loop_rates |= {name: loop.spread for name, loop in loops.items()}
        return tuple(self._throughput_row(case, clock, side.spread) for case, side in zip(cases, sides, strict=True))

    @property
    def clock_hz(self) -> float | None:
        """Of the core while rates were measured."""
        loop = self.loop_rates.get(bounds.CLOCK_LOOP)
        return None if loop is None else loop.median

    def _throughput_row(self, case: Case, clock: Clock, rate: Spread) -> Throughput:
        """Cycles and bounds are those of a core, so that only the thread's own time gives them."""
        if clock == "wall":
            return Throughput(case, clock, rate)
        cycles = None if self.clock_hz is None else self.clock_hz / rate.median
        return Throughput(case, clock, rate, cycles, bounds.bound(case, rate.median, self.loop_rates))

    def closed_loop(self, *, pinned_thread: bool) -> tuple[ClosedLatency, ...]:
        """Latencies of calls back to back; `pinned_thread` as in `throughput`."""
        results = []
        for case, work in self._latency_works("closed loop", self.plan.closed_loop(), pinned_thread):
            results.append(ClosedLatency(case, latency.closed_loop(work, case.batch, self._latency_seconds())))
        return tuple(results)

    def open_loop(self, closed: Iterable[ClosedLatency], *, pinned_thread: bool) -> tuple[OpenLatency, ...]:
        """Latencies under ascending loads until one is too much; `pinned_thread` as in `throughput`."""
        capacity = {row.case: 1e6 * row.case.batch / row.latency_us.p50 for row in closed}
        options, seconds, results = self.plan.options, self._latency_seconds(), []
        for case, work in self._latency_works("open loop", self.plan.open_loop(), pinned_thread):
            loads = latency.sweep(capacity[case], work, case.batch, seconds, options.p99_limit_us, options.seed)
            results.append(OpenLatency(case, loads))
        return tuple(results)

    def _latency_works(
        self, name: str, cases: tuple[Case, ...], pinned_thread: bool
    ) -> Iterator[tuple[Case, runner.Work]]:
        """Each case with its work, its kernel and number of threads in force."""
        chosen = [case for case in cases if (case.threads == 1) == pinned_thread]
        for done, case in enumerate(chosen):
            self.phase(name)(done, len(chosen))
            work = self.work(case)
            accel.set_num_threads(case.threads)
            yield case, work

    def _latency_seconds(self) -> float:
        return 0.1 if self.plan.options.quick else 1.0

    def scaling(self) -> tuple[Scaling, ...]:
        """Rates on ascending numbers of threads, by the wall clock, not pinned."""
        cases, numbers = self.plan.scaling(), self.plan.scaling_threads
        rows = [[self.side(replace(case, threads=number), "wall") for number in numbers] for case in cases]
        measure(rows, self.plan.rounds, 4 * self.plan.seconds, self.phase("scaling"))
        return tuple(Scaling(case, _points(numbers, row)) for case, row in zip(cases, rows, strict=True))

    def compared(self, found: Sequence[Peer]) -> tuple[list[Ratio], list[MissingPeer]]:
        """accel beside every peer that does the same, each pair in the same rounds; and the peers that are wrong."""
        pairs, wrong = [], []
        cases = self.plan.compared()
        for done, case in enumerate(cases):
            self.phase("asking peers")(done, len(cases))
            for peer in found:
                if case.operation not in peer.operations:
                    continue
                try:
                    work = peer.operations[case.operation](self.workload(case))
                except PeerWrongAnswerError as error:
                    wrong.append(MissingPeer(peer.name, f"{case.title}: wrong answers: {error}"))
                else:
                    pairs.append((case, peer, Side(work, clock=cpu_clock(work))))
        rows = [[self.side(case, "thread-cpu"), theirs] for case, _, theirs in pairs]
        measure(rows, self.plan.rounds, self.plan.seconds, self.phase("beside peers"))
        return [
            Ratio(case, peer.name, ours.spread, theirs.spread, ratio(ours, theirs))
            for (case, peer, _), (ours, theirs) in zip(pairs, rows, strict=True)
        ], wrong


def _points(numbers: Sequence[int], sides: Sequence[Side]) -> tuple[ScalingPoint, ...]:
    """The rates of one case on 1 and more threads; efficiencies are those of each round."""
    one = sides[0].rates
    return tuple(
        ScalingPoint(number, side.spread, Spread.of([a / (number * b) for a, b in zip(side.rates, one, strict=True)]))
        for number, side in zip(numbers, sides, strict=True)
    )


def run(options: Options, progress: PhaseProgress = lambda *_: None, *, with_native: bool = False) -> Report:
    """Measure everything that the options ask for.

    The process must not have verified anything yet (`no_adaptive_tables`). It takes the kernels and the number of
    threads for its own; at the end the best kernels are in force, and threads and affinity as they were.

    Raises:
        ArgumentError: an option is not possible here.
        AdaptiveTablesError: the process has made tables for keys already.
        WrongAnswerError: accel gave a wrong answer.
        NativeRunnerError: `with_native`, and the native runner is not there or failed.
    """
    started = time.perf_counter()
    no_adaptive_tables()
    engine = Engine(Plan(options), progress)
    found, missing = (peers.find(), peers.missing()) if options.peers else ([], [])
    with accel_as_it_was():
        accel.set_num_threads(1)  # threads that start on a pinned core would stay there
        with pinned(options.core) as core:
            engine.make_all()
            throughput = engine.throughput(pinned_thread=True)
            ratios, wrong = engine.compared(found)
            closed = engine.closed_loop(pinned_thread=True)
            opened = engine.open_loop(closed, pinned_thread=True)
        throughput += engine.throughput(pinned_thread=False)
        closed += (several := engine.closed_loop(pinned_thread=False))
        opened += engine.open_loop(several, pinned_thread=False)
        scaling = engine.scaling()
    infos = [PeerInfo(peer.name, peer.version, peer.how) for peer in found]
    notes: list[str] = []
    if with_native:
        progress("native runner", 0, 1)
        more, runners, notes = native.run(quick=options.quick, rounds=options.rounds, core=core)
        ratios, infos = ratios + more, infos + runners
    return Report(
        date=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        duration_s=round(time.perf_counter() - started, 1),
        core_share=engine.core_share,
        machine=machine.machine(engine.clock_hz),
        software=machine.software(),
        settings=_settings(engine.plan, core),
        peers=tuple(infos),
        missing_peers=(*wrong, *(MissingPeer(peer.name, peer.reason) for peer in missing)),
        throughput=throughput,
        closed_loop=closed,
        open_loop=opened,
        scaling=scaling,
        ratios=tuple(ratios),
        price=options.price,
        costs=costs(throughput, scaling, options.price),
        notes=tuple(notes),
    )


def _settings(plan: Plan, core: int | None) -> Settings:
    options = plan.options
    return Settings(
        rounds=plan.rounds,
        seconds=plan.seconds,
        quick=options.quick,
        core=core,
        seed=options.seed,
        p99_limit_us=options.p99_limit_us if options.latency else None,
        command=options.command,
    )
