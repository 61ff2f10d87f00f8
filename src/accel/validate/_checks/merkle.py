"""Merkle trees under the three rules."""

from __future__ import annotations

from collections.abc import Iterator

from accel.driver import Opcode
from accel.validate import _inputs as inputs
from accel.validate._suite import Suite, check
from accel.validate._work import Work

RULES = (1, 2, 3)
SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33, 100, 257)


def _trees(suite: Suite, opcode: Opcode) -> Iterator[Work]:
    sizes = (*SIZES, 1023, 4096) if suite.thorough else SIZES
    leaves = [suite.random.randbytes(32) for _ in range(max(sizes))]
    for rule in RULES:
        for size in sizes:
            if size <= suite.device.caps.max_items:
                yield inputs.merkle_work(opcode, rule, leaves[:size])
        yield inputs.merkle_work(opcode, rule, leaves[: min(11, suite.device.caps.max_items)], repeat=True)


@check("merkle.root", "Roots of one leaf and more, whole and ragged trees, three rules", Opcode.MERKLE_ROOT)
def roots(suite: Suite) -> None:
    """One leaf is the root."""
    suite.run(*_trees(suite, Opcode.MERKLE_ROOT))


@check("merkle.levels", "Every node of the same trees", Opcode.MERKLE_LEVELS)
def levels(suite: Suite) -> None:
    """The level above the leaves first."""
    suite.run(*_trees(suite, Opcode.MERKLE_LEVELS))
