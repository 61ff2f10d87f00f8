"""Known ways of damaging a transaction, each with the status that verification must give it.

A damage changes one row after it was signed. All choices come from the generator that is passed in, so a seed repeats
them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123  # n of GB/T 32918.5
_PRIME = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF  # p of GB/T 32918.5

Bytes = npt.NDArray[np.uint8]


@dataclass
class Transaction:
    """Views of one row that a damage writes to, and another signer's key (None when there is only one signer)."""

    key: Bytes
    signature: Bytes
    message: Bytes
    other_key: Bytes | None


@dataclass(frozen=True)
class Damage:
    """One way of damaging a transaction.

    Attributes:
        name: for people and metadata.
        status: name of the status that the row must get.
        apply: does it.
        needs_message: only for messages that are not empty.
        needs_other_key: only with two signers or more.
    """

    name: str
    status: str
    apply: Callable[[Transaction, np.random.Generator], None]
    needs_message: bool = False
    needs_other_key: bool = False


@dataclass(frozen=True)
class DamagedRow:
    """What was done to which row.

    Attributes:
        row: its number, counted from 0.
        damage: what was done.
    """

    row: int
    damage: Damage


def _flip_bit(target: Bytes, random: np.random.Generator) -> None:
    target[random.integers(len(target))] ^= np.uint8(1 << random.integers(8))


def _put(target: Bytes, value: int) -> None:
    target[:] = np.frombuffer(value.to_bytes(len(target), "big"), np.uint8)


# In r and s the low 16 bytes are flipped: that cannot carry them out of [1, n-1] unless their upper half is that of n,
# which has probability 2^-128, so the status is BAD_SIGNATURE and not BAD_RANGE.
def _flip_r(item: Transaction, random: np.random.Generator) -> None:
    _flip_bit(item.signature[16:32], random)


def _flip_s(item: Transaction, random: np.random.Generator) -> None:
    _flip_bit(item.signature[48:64], random)


def _flip_message(item: Transaction, random: np.random.Generator) -> None:
    _flip_bit(item.message, random)


def _other_key(item: Transaction, _: np.random.Generator) -> None:
    assert item.other_key is not None
    item.key[:] = item.other_key


# (x, y ^ 1) is on the curve only if y ^ 1 = p - y, that is for 2y = p +- 1: two of 2^256 points.
def _off_curve(item: Transaction, _: np.random.Generator) -> None:
    item.key[63] ^= 1


def _key_zero(item: Transaction, _: np.random.Generator) -> None:
    item.key[:] = 0


# x + p is congruent to a valid coordinate where it fits 32 bytes, but encoded out of range; p itself always fits.
def _key_range(item: Transaction, _: np.random.Generator) -> None:
    _put(item.key[:32], _PRIME)


def _r_zero(item: Transaction, _: np.random.Generator) -> None:
    item.signature[:32] = 0


def _s_zero(item: Transaction, _: np.random.Generator) -> None:
    item.signature[32:] = 0


def _r_order(item: Transaction, _: np.random.Generator) -> None:
    _put(item.signature[:32], _ORDER)


def _s_large(item: Transaction, _: np.random.Generator) -> None:
    item.signature[32:] = 0xFF


def _sum_zero(item: Transaction, _: np.random.Generator) -> None:
    r = int.from_bytes(item.signature[:32].tobytes(), "big")
    _put(item.signature[32:], _ORDER - r)


DAMAGES = (
    Damage("bit of r flipped", "BAD_SIGNATURE", _flip_r),
    Damage("bit of s flipped", "BAD_SIGNATURE", _flip_s),
    Damage("bit of message flipped", "BAD_SIGNATURE", _flip_message, needs_message=True),
    Damage("key of another signer", "BAD_SIGNATURE", _other_key, needs_other_key=True),
    Damage("key off the curve", "BAD_KEY", _off_curve),
    Damage("key zero", "BAD_KEY", _key_zero),
    Damage("key coordinate not below p", "BAD_KEY", _key_range),
    Damage("r zero", "BAD_RANGE", _r_zero),
    Damage("s zero", "BAD_RANGE", _s_zero),
    Damage("r equal to n", "BAD_RANGE", _r_order),
    Damage("s above n", "BAD_RANGE", _s_large),
    Damage("r + s zero modulo n", "BAD_RANGE", _sum_zero),
)
"""All kinds of damage, in the order in which `make_block` takes them in turn."""


def plan(count: int, damaged: int, *, message_size: int, signers: int, random: np.random.Generator) -> list[DamagedRow]:
    """Choose `damaged` of `count` rows, one in each of as many equal stretches, and a damage for each, all in turn."""
    possible = [d for d in DAMAGES if (message_size or not d.needs_message) and (signers > 1 or not d.needs_other_key)]
    edges = np.array([i * count // damaged for i in range(damaged + 1)]) if damaged else np.zeros(1, np.int64)
    rows: Iterable[int] = (int(random.integers(low, high)) for low, high in itertools.pairwise(edges))
    return [DamagedRow(row, possible[i % len(possible)]) for i, row in enumerate(rows)]
