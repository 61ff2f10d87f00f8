"""What a core waits for on its way persist → durable → sign → send. Compiled like the core."""

from __future__ import annotations

from collections import deque
from typing import Final

import cython

from accel.consensus.errors import EventError
from accel.consensus.messages import PROPOSAL, Certificate, Intent, Proposal, Vote
from accel.consensus.records import IntentRecord, Record

__all__ = ["Journal"]

COMPILED: Final = cython.compiled
"""Whether this module runs compiled."""


@cython.cclass
class Journal:
    """Records that are not durable yet, and intents that are not signed yet: one of them persisted, others waiting."""

    _last: int
    _undurable: deque[tuple[int, Record]]
    _unsigned: dict[int, tuple[Intent, bytes, Certificate | None]]
    _waiting: deque[tuple[IntentRecord, bytes, Certificate | None]]

    def __init__(self) -> None:
        self._last = 0
        self._undurable = deque()
        self._unsigned = {}
        self._waiting = deque()

    @property
    def sizes(self) -> dict[str, int]:
        """Number of records not known to be durable (``undurable``), and of intents not signed (``unsigned``)."""
        return {"undurable": len(self._undurable), "unsigned": len(self._unsigned) + len(self._waiting)}

    def append(self, record: Record) -> int:
        """Note a record that is being persisted, and return its identifier."""
        self._last += 1
        self._undurable.append((self._last, record))
        return self._last

    def intend(self, record: IntentRecord, block: bytes, certificate: Certificate | None) -> None:
        """Note an intent that is to be persisted, with what a proposal carries besides."""
        self._waiting.append((record, block, certificate))

    def next_intent(self) -> tuple[int, IntentRecord] | None:
        """Return the intent to persist now, with its identifier; None while another one is unsigned."""
        if self._unsigned or not self._waiting:
            return None
        record, block, certificate = self._waiting.popleft()
        number = self.append(record)
        self._unsigned[number] = (record.intent, block, certificate)
        return number, record

    def forget_intents(self) -> None:
        """Give up what has not been signed: its height is over."""
        self._unsigned = {}
        self._waiting.clear()

    def durable(self, number: int) -> list[tuple[int, Record]]:
        """Return the records that have become durable, without intents that were given up.

        Raises:
            EventError: There is no record of that identifier.
        """
        self._check(number)
        found = []
        while self._undurable and self._undurable[0][0] <= number:
            entry = self._undurable.popleft()
            if not isinstance(entry[1], IntentRecord) or entry[0] in self._unsigned:
                found.append(entry)
        return found

    def signed(self, number: int, signature: bytes, validator: int) -> Vote | Proposal | None:
        """Return the message of an intent that a validator has signed; None if it was given up.

        Raises:
            EventError: There is no such intent, it is not durable, or that is no signature.
        """
        self._check(number)
        if len(signature) != 64:
            raise EventError(f"Signed: expected a signature of 64 bytes, got {len(signature)}")
        if self._undurable and self._undurable[0][0] <= number:
            raise EventError(f"Signed: record {number} is not durable")
        waiting = self._unsigned.pop(number, None)
        if waiting is None:
            return None
        (kind, height, round_, valid_round, block_id), block, certificate = waiting
        if kind != PROPOSAL:
            return Vote(kind, height, round_, block_id, validator, signature)
        return Proposal(height, round_, valid_round, block_id, validator, signature, block, certificate)

    def refused(self, number: int) -> bool:
        """Give up an intent that the signer does not sign; False if it was given up before.

        Raises:
            EventError: There is no such record.
        """
        self._check(number)
        return self._unsigned.pop(number, None) is not None

    def _check(self, number: int) -> None:
        if not 1 <= number <= self._last:
            raise EventError(f"id: expected a record from 1 to {self._last}, got {number}")
