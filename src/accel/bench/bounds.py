"""How far a kernel is from what the core could do: operations counted in the kernel, and loops of such operations.

The counts stand in `csrc/sm2/README.md` and `csrc/sm3/README.md`, with how they were counted; what the core does of
them is measured in the same run by loops of nothing else, so that no table of CPUs and their ports is needed. A loop
keeps the ports as busy as a kernel could at best: on a CPU with two 512-bit multipliers it finds two a cycle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from accel import _native
from accel.bench.measure import Side
from accel.bench.report import Bound, Case, Spread

CLOCK_LOOP = "dependent_add"
"""One addition a cycle on every CPU: its rate is the clock."""

RESOURCES = {
    "instruction": "instructions",
    "vector256": "256-bit integer operations",
    "vector512": "512-bit integer operations",
    "ifma512": "512-bit IFMA multiplications",
}

_TURNS = 20_000  # about half a millisecond


@dataclass(frozen=True, slots=True)
class Count:
    """Operations of one resource that one item takes in a kernel; None where the case takes another way."""

    loop: str
    per_item: Callable[[Case], float | None]
    source: str


def loops() -> dict[str, Side]:
    """The loops that this CPU runs, to be measured like any row: operations per second."""
    return {name: Side(partial(_native.run_core_loop, name, _TURNS)) for name in _native.core_loops()}


def bound(case: Case, rate_per_s: float, loop_rates: Mapping[str, Spread]) -> Bound | None:
    """How far `rate_per_s` of one core is from the limit; None where no count or no loop is there for the case."""
    count = _COUNTS.get((case.operation, case.keys, case.kernel))
    if count is None or count.loop not in loop_rates:
        return None
    operations = count.per_item(case)
    if operations is None:
        return None
    per_s = loop_rates[count.loop].median
    limit = per_s / operations
    return Bound(RESOURCES[count.loop], operations, per_s, limit, rate_per_s / limit, count.source)


def _full_lanes(operations: float, least_batch: int) -> Callable[[Case], float | None]:
    """A count that holds from a batch on that fills the kernel's groups of lanes."""
    return lambda case: operations if case.batch >= least_batch else None


def _whole_blocks(case: Case) -> float | None:
    """Hints are checked in blocks of 4,096 items, for which the count was made."""
    return 3_930 if case.batch % 4_096 == 0 else None


def sm3_blocks(length: int, prefix: int = 0) -> tuple[int, int]:
    """Blocks of a padded message with a schedule of its own, and blocks of padding alone.

    The kernels know the schedule of the latter where nothing stands before a message of whole blocks.
    """
    blocks = (length + prefix + 9 + 63) // 64
    constant = int(prefix == 0 and length % 64 == 0)
    return blocks - constant, constant


def _sm3(block: float, constant: float, lanes: int) -> Callable[[Case], float | None]:
    """Operations for a message: of a block, and of one of padding alone, each for all lanes."""

    def per_item(case: Case) -> float | None:
        if case.batch < 2 * lanes:
            return None
        blocks, constants = sm3_blocks(case.message_length or 0)
        return (blocks * block + constants * constant) / lanes

    return per_item


def _merkle(block: float, last: float, lanes: int) -> Callable[[Case], float | None]:
    """A leaf and its share of the nodes above, both with the prefix of RFC 9162.

    The last block of a node holds one byte, which the AVX-512 kernels make use of.
    """

    def per_item(case: Case) -> float | None:
        if case.batch < 16 * lanes:  # the upper levels are a small part then
            return None
        leaf = sm3_blocks(case.message_length or 0, 1)[0] * block
        return (leaf + (block + last) * (case.batch - 1) / case.batch) / lanes

    return per_item


_SM2 = "csrc/sm2/README.md"
_SM3 = "csrc/sm3/README.md"
_UNKNOWN = Count("ifma512", _full_lanes(169_000 / 8, 64), f"{_SM2}, Unknown keys in eight lanes")
_HINTED = Count("ifma512", _whole_blocks, f"{_SM2}, Hints")
# A ring in use has the larger tables.
_KNOWN = Count("ifma512", _full_lanes(18_290 / 8, 128), f"{_SM2}, Known keys in eight lanes")
_SIGN = Count("ifma512", _full_lanes(13_025 / 8, 128), f"{_SM2}, Signing in eight lanes")
_AVX512 = f"{_SM3}, avx512, avx512x16 and avx2"

# Counts of verification are without the hashing of messages, whose rows are therefore further away.
_COUNTS: dict[tuple[str, str | None, str], Count] = {
    ("sm2.verify", "unknown", "avx512ifma"): _UNKNOWN,
    ("sm2.verify_message", "unknown", "avx512ifma"): _UNKNOWN,
    ("sm2.verify", "known", "avx512ifma"): _KNOWN,
    ("sm2.verify_message", "known", "avx512ifma"): _KNOWN,
    ("sm2.verify", "hinted", "avx512ifma"): _HINTED,
    ("sm2.verify_message", "hinted", "avx512ifma"): _HINTED,
    ("sm2.sign", None, "avx512ifma"): _SIGN,
    ("sm2.sign_message", None, "avx512ifma"): _SIGN,
    ("sm2.generate", None, "avx512ifma"): Count("ifma512", _full_lanes(12_715 / 8, 128), _KNOWN.source),
    ("sm3.hash", None, "avx512x16"): Count("vector512", _sm3(1_588 + 80, 1_160, 16), _AVX512),
    ("sm3.hash", None, "avx512"): Count("vector512", _sm3(3_176 + 160, 2_320, 32), _AVX512),
    ("sm3.hash", None, "avx2"): Count("vector256", _sm3(3_032 + 64, 2_136, 8), _AVX512),
    ("sm3.hash", None, "portable"): Count("instruction", _sm3(3_203, 1_957, 1), f"{_SM3}, portable"),
    ("merkle.root", None, "avx512x16"): Count("vector512", _merkle(1_588 + 80, 1_334, 16), _AVX512),
    ("merkle.root", None, "avx512"): Count("vector512", _merkle(3_176 + 160, 2_668, 32), _AVX512),
    ("merkle.root", None, "avx2"): Count("vector256", _merkle(3_032 + 64, 3_032 + 64, 8), _AVX512),
    **{
        (operation, keys, kernel): Count("instruction", _full_lanes(instructions, 128), f"{_SM2}, Figures")
        for keys, per_kernel in {
            "unknown": {"adx": 384_700, "portable": 876_300},
            "known": {"adx": 52_700, "portable": 114_500},
        }.items()
        for kernel, instructions in per_kernel.items()
        for operation in ("sm2.verify", "sm2.verify_message")
    },
    **{
        (operation, None, kernel): Count("instruction", _full_lanes(instructions, 64), f"{_SM2}, Figures")
        for kernel, instructions in {"adx": 84_700, "portable": 139_300}.items()
        for operation in ("sm2.sign", "sm2.sign_message")
    },
}
