"""The locked and the valid value of one height. Compiled like the core.

"Line" is a line of Algorithm 1 in *The latest gossip on BFT consensus* (arXiv 1807.04938, version 3).
"""

from __future__ import annotations

from typing import Final

import cython

from accel.consensus.messages import NO_ROUND, Certificate, Proposal
from accel.consensus.records import ValidRecord

__all__ = ["Values"]

COMPILED: Final = cython.compiled
"""Whether this module runs compiled."""


@cython.cclass
class Values:
    """What a validator is bound to at one height, and what it proposes again. A new height has a new one (line 53).

    The locked block is only ever compared; the valid one is proposed again, with the certificate of its prevotes.
    """

    _locked_round: cython.int
    _locked_id: bytes | None
    _valid_block: bytes
    _certificate: Certificate | None

    def __init__(self) -> None:
        self._locked_round = NO_ROUND
        self._locked_id = None
        self._valid_block = b""
        self._certificate = None

    @property
    def locked_round(self) -> int:
        """Round of the lock, or -1."""
        return self._locked_round

    @property
    def valid_round(self) -> int:
        """Round of the valid value, or -1."""
        certificate = self._certificate
        return NO_ROUND if certificate is None else certificate.round

    @property
    def certificate(self) -> Certificate | None:
        """The prevotes that made the valid value one."""
        return self._certificate

    @property
    def valid_block(self) -> bytes:
        """The block of the valid value, if there is one."""
        return self._valid_block

    def block_of(self, block_id: bytes) -> bytes | None:
        """Return the valid value's block if that is its identifier."""
        certificate = self._certificate
        return self._valid_block if certificate is not None and certificate.block_id == block_id else None

    def allow(self, proposal: Proposal) -> bool:
        """Return whether the lock allows a prevote for a proposal (lines 23 and 29).

        The 2f + 1 prevotes of line 28 came with the proposal and have been verified with it.
        """
        if proposal.valid_round < 0:
            free: cython.bint = self._locked_round < 0
        else:
            free = self._locked_round <= proposal.valid_round
        return free or self._locked_id == proposal.block_id

    def lock(self, round_: int, block_id: bytes) -> None:
        """Lock a block in a round (lines 38 and 39)."""
        self._locked_id = block_id
        self._locked_round = round_

    def learn(self, block: bytes, certificate: Certificate) -> None:
        """Take a block for the valid value (lines 42 and 43)."""
        self._valid_block = block
        self._certificate = certificate

    def is_news(self, certificate: Certificate, current: int) -> bool:
        """Return whether a certificate shows a later valid round than the one known, and none after the current one."""
        return self.valid_round < certificate.round <= current

    def restore(self, lock: ValidRecord | None, valid: ValidRecord | None) -> None:
        """Take both from the records of the log."""
        if valid is not None:
            self.learn(valid.block, valid.certificate)
        if lock is not None:
            self.lock(lock.certificate.round, lock.certificate.block_id)
