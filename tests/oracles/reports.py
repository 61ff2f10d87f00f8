"""Reports as `accel bench` writes them, made up: with known rates, known noise, and known changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from accel.bench.report import (
    Bound,
    Case,
    ClosedLatency,
    Cost,
    Keys,
    Latency,
    Load,
    Machine,
    MissingPeer,
    OpenLatency,
    PeerInfo,
    Price,
    Ratio,
    Report,
    Scaling,
    ScalingPoint,
    Settings,
    Software,
    Spread,
    Throughput,
)

CPU = "Made-up CPU <4 GHz> & more"
BATCHES = (1, 16, 256, 4096)
RATES: dict[tuple[str, Keys | None], float] = {
    ("sm3.hash", None): 2e7,
    ("sm2.verify", "unknown"): 1.2e5,
    ("sm2.verify", "known"): 8e5,
    ("sm2.sign", None): 4e5,
}
PEERS = {"OpenSSL": 8.0, "crypto_mb": 1.9}


class Maker:
    """Makes reports with one generator of noise.

    Args:
        seed: of the noise.
        noise: standard deviation of the logarithm of each round's value.
        machine: factor of all rates in the report, peers' too.
        changed: factor of accel's rate in a case.
    """

    def __init__(
        self, seed: int, noise: float = 0.02, machine: float = 1.0, changed: Callable[[Case], float] = lambda _: 1.0
    ) -> None:
        self.random = np.random.default_rng(seed)
        self.noise, self.machine, self.changed = noise, machine, changed

    def values(self, middle: float, rounds: int) -> list[float]:
        return [float(v) for v in middle * np.exp(self.random.normal(0, self.noise, rounds))]

    def rate(self, case: Case) -> float:
        base = RATES[case.operation, case.keys] * self.changed(case) * self.machine
        kernel = {"portable": 0.3}.get(case.kernel, 1.0)
        length = 64 / (64 + (case.message_length or 0))
        return float(base * kernel * length * case.batch / (case.batch + 3))

    def cases(self) -> Iterator[Case]:
        for operation, keys in RATES:
            for kernel in ("avx512", "portable") if operation == "sm3.hash" else ("avx512ifma", "portable"):
                for length in (64, 1024) if operation == "sm3.hash" else (None,):
                    for batch in BATCHES:
                        yield Case(operation, kernel, batch, 1, keys, length)

    def throughput(self, case: Case, rounds: int) -> Throughput:
        spread = Spread.of(self.values(self.rate(case), rounds))
        bound = None
        if case.operation.startswith("sm2.verify") and case.kernel != "portable" and case.batch >= 256:
            bound = Bound("512-bit IFMA multiplications", 5e4, 7e9, 1.4e5, spread.median / 1e6, "csrc/sm2/README.md")
        return Throughput(case, "thread-cpu", spread, 3e9 / spread.median, bound)

    def ratio(self, case: Case, peer: str, rounds: int) -> Ratio:
        theirs = RATES[case.operation, case.keys] / PEERS[peer] * self.machine
        ours, others = self.values(self.rate(case), rounds), self.values(theirs, rounds)
        ratios = [a / b for a, b in zip(ours, others, strict=True)]
        asked = (1.5, 4.0) if peer == "crypto_mb" else (None, None)
        return Ratio(case, peer, Spread.of(ours), Spread.of(others), Spread.of(ratios), "python", *asked)

    def scaling(self, case: Case, rounds: int) -> Scaling:
        points = []
        for threads in (1, 2):
            efficiency = self.values(1.0 if threads == 1 else 0.96, rounds)
            rates = [self.rate(case) * threads * e for e in efficiency]
            points.append(ScalingPoint(threads, Spread.of(rates), Spread.of(efficiency)))
        return Scaling(Case(case.operation, case.kernel, case.batch, 2, case.keys, case.message_length), tuple(points))

    def closed(self, case: Case) -> ClosedLatency:
        us = 1e6 * case.batch / self.rate(case)
        return ClosedLatency(case, Latency(1000, us, us * 1.1, us * 1.5, us * 3, us * 9))

    def open(self, case: Case) -> OpenLatency:
        rate = self.rate(case)
        loads = []
        for share in (0.1, 0.3, 0.5, 0.7, 0.9, 1.1):
            us = 300 / max(0.02, 1 - share)
            broke = "p99 is above the limit" if share > 1 else None
            latency = Latency(5000, us, us * 2, us * 4, us * 6, us * 9)
            loads.append(Load(rate * share, rate * min(share, 1), latency, 12 if broke else 0, broke))
        return OpenLatency(case, tuple(loads))

    def report(self, rounds: int = 5, price: Price | None = None, cpu: str = CPU) -> Report:
        cases = tuple(self.cases())
        largest = [case for case in cases if case.batch == max(BATCHES)]
        best = [case for case in largest if case.kernel != "portable"]
        verifying = [case for case in cases if case.operation == "sm2.verify" and case.kernel == "avx512ifma"]
        throughput = tuple(self.throughput(case, rounds) for case in cases)
        return Report(
            date="2026-11-26T03:26:07+00:00",
            duration_s=321.5,
            machine=Machine(
                CPU if cpu is None else cpu,
                "x86_64",
                2,
                2,
                ("avx2", "avx512ifma"),
                24 << 30,
                "Linux 6.1",
                (6, 1, 2),
                True,
                3e9,
            ),
            software=Software("0.1.0", 1, "3.11.2", "2.3.0", "gcc 12.2.0", "0123456789ab"),
            settings=Settings(rounds, 0.05, core=1, p99_limit_us=100_000.0, command=("bench", "--price", "0.04")),
            peers=(
                PeerInfo("OpenSSL", "3.0.19", "EVP, one at a time"),
                PeerInfo("crypto_mb", "2.3", "eight at a time <script>alert(1)</script>"),
            ),
            missing_peers=(MissingPeer("gmsm", "no Go toolchain was found"),),
            throughput=throughput,
            closed_loop=tuple(map(self.closed, verifying)),
            open_loop=tuple(self.open(case) for case in verifying if case.batch == max(BATCHES)),
            scaling=tuple(self.scaling(case, rounds) for case in best),
            ratios=tuple(self.ratio(case, peer, rounds) for case in best for peer in PEERS),
            price=price,
            costs=tuple(
                Cost(case, self.rate(case), None if price is None else self.rate(case) * 3600 / price.per_core_hour)
                for case in best
            ),
            notes=("the machine was busy",),
        )
