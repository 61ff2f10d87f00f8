"""Known signers: a key ring that grows with the valid signatures it sees, in bounded memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from accel import Device, sm2
from accel.ledger.layout import ByteRows
from accel.sm2._common import NoZA

# A key's tables cost about as much as this many verifications without them. A key is taken in after that many valid
# signatures, and the ring is rebuilt when as many rows per key of the new ring have been verified the slow way: then
# all rebuilding together costs no more than the slow rows did, whatever the order in which signers appear.
_PAYBACK_ROWS = 8
_STRANGERS_AT_ONCE = (
    2_048  # rows without a known key that are verified before asking again whether the ring should grow
)


class KnownSigners:
    """Verifies rows by a key ring where their key is in it, and by the key itself where not.

    Only keys with valid signatures behind them enter the ring, so a flood of fresh or broken keys builds no tables.
    Which path a row takes changes its speed and never its verdict.

    Args:
        capacity: keys that the ring may hold; as many others are counted at a time.
        table_memory: bytes for the ring's tables. The ring stops growing when they are used up.
        id: the signers' ID, or `accel.sm2.NO_ZA`.
        device: where rows are verified; None: what ``ACCEL_DEVICE`` names, or the CPU.
    """

    def __init__(
        self,
        capacity: int = 4_096,
        table_memory: int = 256 << 20,
        id: bytes | NoZA = sm2.DEFAULT_ID,  # noqa: A002 - the standard's name
        device: Device | None = None,
    ) -> None:
        self._id = id
        self._device = device
        self._capacity = capacity
        self._table_memory = table_memory
        self._ring: Any = None
        self._words = np.empty((0, 8), np.uint64)  # the ring's keys, eight bytes a word, ordered by their last word
        self._slots = np.empty(0, np.uint32)  # where in the ring each of them is
        self._full = False
        self._counts: dict[bytes, int] = {}  # valid signatures of keys outside the ring

    def __len__(self) -> int:
        """Number of keys in the ring."""
        return len(self._slots)

    def verify(self, keys: ByteRows, signatures: ByteRows, messages: Any) -> ByteRows:
        """Verify N rows.

        Args:
            keys: (N, 64) uint8 array.
            signatures: (N, 64) uint8 array of r || s.
            messages: Arrow array of N byte strings, signed under the default ID.

        Returns:
            An (N,) uint8 array of the statuses of `accel.sm2`.
        """
        statuses = np.zeros(len(keys), np.uint8)
        slots = self._find(keys)
        known = slots >= 0
        if known.any():
            # Strangers are few once the ring has grown: giving them any known key here, and their verdict below, is
            # cheaper than copying the known rows' messages apart.
            statuses[:] = self._verify_ring(np.where(known, slots, 0), signatures, messages)
            statuses[~known] = sm2.NOT_CHECKED
        strangers = np.flatnonzero(~known)
        while strangers.size:
            rows, strangers = strangers[:_STRANGERS_AT_ONCE], strangers[_STRANGERS_AT_ONCE:]
            statuses[rows] = sm2.verify_many(
                keys[rows], signatures[rows], messages.take(rows), id=self._id, device=self._device
            )
            if self._learn(keys[rows[statuses[rows] == sm2.OK]]) and strangers.size:
                slots = self._find(keys[strangers])
                known = slots >= 0
                rows, strangers = strangers[known], strangers[~known]
                statuses[rows] = self._verify_ring(slots[known], signatures[rows], messages.take(rows))
        return statuses

    def _verify_ring(self, slots: npt.NDArray[np.int64], signatures: ByteRows, messages: Any) -> ByteRows:
        return sm2.verify_many(self._ring[slots], signatures, messages, device=self._device)

    def _find(self, keys: ByteRows) -> npt.NDArray[np.int64]:
        """Each key's place in the ring, or -1.

        The search goes by the last eight bytes of y (x alone is shared with the negated key), the comparison by all 64:
        keys that agree in those eight bytes cost speed and nothing else.
        """
        if not len(self):
            return np.full(len(keys), -1)
        words = keys.view(np.uint64)
        places = np.searchsorted(self._words[:, 7], words[:, 7])
        places[places == len(self)] = 0
        same = (self._words[places] == words).all(axis=1)
        return np.where(same, self._slots[places].astype(np.int64), -1)

    def _learn(self, keys: ByteRows) -> bool:
        """Count valid signatures of strangers; True when the ring was rebuilt."""
        if self._full or not len(keys):
            return False
        distinct, counts = np.unique(keys.view("V64").reshape(-1), return_counts=True)
        for key, count in zip(distinct, counts, strict=True):
            name = key.tobytes()
            self._counts[name] = self._counts.get(name, 0) + int(count)
        self._forget_rare()
        worthy = [key for key, count in self._counts.items() if count >= _PAYBACK_ROWS]
        worthy = sorted(worthy, key=self._counts.__getitem__, reverse=True)[: self._capacity - len(self)]
        spent = sum(self._counts[key] for key in worthy)
        if not worthy or spent < _PAYBACK_ROWS * (len(self) + len(worthy)):
            return False
        self._rebuild(worthy)
        return True

    def _forget_rare(self) -> None:
        """Keep at most `capacity` counts: Misra and Gries' rule, which never loses a key of a 1/capacity share."""
        surplus = len(self._counts) - self._capacity
        if surplus <= 0:
            return
        cut = sorted(self._counts.values())[surplus - 1]
        self._counts = {key: count - cut for key, count in self._counts.items() if count > cut}

    def _rebuild(self, added: list[bytes]) -> None:
        """A ring of the keys so far, then `added`, the busiest first: tables are given in that order."""
        new_keys = np.frombuffer(b"".join(added), np.uint8).reshape(-1, 64)
        keys = new_keys if self._ring is None else np.concatenate([self._ring.public_keys, new_keys])
        self._ring = None  # before its successor takes memory for tables
        self._ring = sm2.KeyRing(keys, id=self._id, memory_limit=self._table_memory)
        words = np.ascontiguousarray(keys).view(np.uint64)
        order = np.argsort(words[:, 7], kind="stable")
        self._words, self._slots = words[order], order.astype(np.uint32)
        for key in added:
            del self._counts[key]
        self._full = len(keys) >= self._capacity or self._ring.tables < len(keys)
        if self._full:
            self._counts.clear()
