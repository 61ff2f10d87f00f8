"""What a quorum certificate costs over its signatures, and how many events a second the core takes.

Certificates: 67 of 100 validators signed; checking one (form, digests, signatures, verdict), and decoding it before,
beside the bare call into the C library for 67 signatures whose keys, digests and layout were prepared before. All in
turn in one process, on one core and one thread, the order reversed from round to round; the figure is the CPU time of
the one over that of the other.

Core: the events of a simulated network without faults are kept, then given to a new core of one validator; the figure
is events by the thread's CPU time, compiled and as plain Python, and which kinds of events take the time.

python bench/consensus.py [--rounds N] [--seconds S] [--json] [--profile].
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import accel
from accel import sm2
from accel.bench.machine import machine
from accel.bench.measure import Side, accel_as_it_was, measure, pinned, ratio
from accel.consensus import Core, Validator, ValidatorSet
from accel.consensus import messages as m
from accel.consensus.certificates import SignerRing

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from consensus.network import CONFIG, Network, key, validator_set
from consensus.plain import plain_modules

VALIDATORS, SIGNERS, GOAL = 100, 67, 1.5
CHAIN = b"bench"
SIZES = (4, 16, 100)


def certificate() -> tuple[SignerRing, m.Certificate]:
    """A ring of 100 validators and a certificate that 67 of them signed."""
    keys = sorted(sm2.generate_many(VALIDATORS), key=lambda private: bytes(private.public_key.raw))
    validators = ValidatorSet(Validator(bytes(private.public_key.raw), 1) for private in keys)
    # A table of the usual size for each key: a ring with memory to spare would build larger ones while it is timed.
    limit = sm2.KeyRing([private.public_key for private in keys]).table_bytes
    ring = SignerRing(validators, CHAIN, memory_limit=limit)
    message = m.sign_bytes(CHAIN, m.PRECOMMIT, 7, 0, -1, b"\x11" * 32)
    signatures = tuple(bytes(private.sign(message)) for private in keys[:SIGNERS])
    return ring, m.Certificate(m.PRECOMMIT, 7, 0, b"\x11" * 32, VALIDATORS, tuple(range(SIGNERS)), signatures)


def certificate_sides() -> tuple[Side, Side, Side]:
    """The bare call for 67 signatures, the check of a certificate, and the same from its bytes."""
    ring, given = certificate()
    raw = m.encode_certificate(given)
    indices = np.arange(SIGNERS, dtype=np.uint32)
    message = given.sign_bytes(CHAIN)
    keys = [validator.public_key for validator in ring.validators.validators[:SIGNERS]]
    digests = sm2.digest_many(keys, [message] * SIGNERS)
    signatures = np.frombuffer(b"".join(given.signatures), np.uint8).reshape(-1, 64)
    status = np.zeros(SIGNERS, np.uint8)
    bare = ring._ring._ring

    def kernel() -> int:
        bare.verify_digests(status, indices, signatures, digests)
        return 1

    def check() -> int:
        ring.check(given, kind=m.PRECOMMIT, height=7)
        return 1

    def whole() -> int:
        ring.check(m.decode_certificate(raw), kind=m.PRECOMMIT, height=7)
        return 1

    kernel()
    if not (status == sm2.OK).all():
        raise SystemExit("consensus: a signature is not valid")
    return Side(kernel), Side(check), Side(whole)


def events_of(n: int, heights: int) -> list[Any]:
    """What validator 0 of n is given while a network without faults decides some heights."""
    network = Network([1] * n, heights=heights)
    network.run(network.all_decided)
    return network.nodes[0].events


def core_side(core: Callable[..., Any], n: int, given: list[Any]) -> Side:
    """A new core that takes all the events."""
    config = CONFIG._replace(public_key=key(0))
    validators = validator_set([1] * n)

    def run() -> int:
        step = core(config, 1, validators).step
        for event in given:
            step(event)
        return len(given)

    return Side(run)


def profile(n: int, given: list[Any]) -> dict[str, dict[str, float]]:
    """Where the core's time goes, by kind of event: the median of one, less what the clock takes, and the share."""
    config, validators = CONFIG._replace(public_key=key(0)), validator_set([1] * n)
    taken: dict[str, list[int]] = defaultdict(list)
    clock = time.perf_counter_ns
    runs = 20
    for _ in range(runs):
        step = Core(config, 1, validators).step
        for event in given:
            started = clock()
            again = clock()
            step(event)
            ended = clock()
            message = getattr(event, "message", None)
            name = type(event).__name__ + (f" {type(message).__name__}" if message is not None else "")
            taken[name].append(ended - again - (again - started))
    spent = {name: statistics.median(times) * len(times) for name, times in taken.items()}
    total = sum(spent.values())
    return {
        name: {
            "events": len(taken[name]) // runs,
            "share": spent[name] / total,
            "ns": statistics.median(taken[name]),
        }
        for name in sorted(spent, key=lambda name: -spent[name])
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=0.1, help="of one turn, at least")
    parser.add_argument("--profile", action="store_true", help="also where the core's time goes")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    plain = plain_modules()["core"].Core
    with accel_as_it_was(), pinned(None):
        accel.set_num_threads(1)
        kernel, check, whole = certificate_sides()
        given = {n: events_of(n, max(2, 400 // n**2)) for n in SIZES}
        cores = {n: (core_side(Core, n, given[n]), core_side(plain, n, given[n])) for n in SIZES}
        measure([(kernel, check, whole), *cores.values()], args.rounds, args.seconds)
        profiles = {n: profile(n, given[n]) for n in SIZES} if args.profile else {}
    cost, decoded = ratio(kernel, check), ratio(kernel, whole)
    result = {
        "cpu": machine(None).cpu,
        "certificate": {
            "signers": SIGNERS,
            "checks_per_second": check.spread.median,
            "times_the_kernel": {"median": cost.median, "low": cost.low, "high": cost.high},
            "decoded_times_the_kernel": {"median": decoded.median, "low": decoded.low, "high": decoded.high},
            "goal": GOAL,
        },
        "core": {
            str(n): {
                "events": len(given[n]),
                "compiled_per_second": cores[n][0].spread.median,
                "plain_per_second": cores[n][1].spread.median,
                "times_plain": ratio(*cores[n]).median,
            }
            for n in SIZES
        },
        "profile": {str(n): found for n, found in profiles.items()},
    }
    if args.json:
        print(json.dumps(result, default=str))
    else:
        show(result)
    return 0 if cost.median <= GOAL else 1


def show(result: dict[str, Any]) -> None:
    given = result["certificate"]
    cost = given["times_the_kernel"]
    print(f"certificate of {SIGNERS} of {VALIDATORS}: {1e3 / given['checks_per_second']:.3f} ms; ", end="")
    print(f"{cost['median']:.3f} ({cost['low']:.3f} to {cost['high']:.3f}) times the kernel, at most {GOAL}; ", end="")
    print(f"decoded first: {given['decoded_times_the_kernel']['median']:.3f} times")
    for n, core in result["core"].items():
        print(
            f"core, n = {n:>3}: {core['compiled_per_second'] / 1e3:7.0f} k events/s compiled, "
            f"{core['plain_per_second'] / 1e3:6.0f} k as plain Python: {core['times_plain']:.2f} times"
        )
    for n, found in result["profile"].items():
        print(f"\nn = {n}")
        for name, row in found.items():
            print(f"  {name:<20} {row['events']:>6} events  {row['share']:6.1%}  {row['ns']:7.0f} ns each")


if __name__ == "__main__":
    sys.exit(main())
