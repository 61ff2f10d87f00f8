"""Who signs: an interface, and a key in this process.

A remote signer or one in hardware keeps its own last-sign state and answers the same call.
"""

from __future__ import annotations

from typing import Protocol

from accel.consensus.errors import ConsensusError
from accel.consensus.lastsign import LastSign, Position, Slot

__all__ = ["LocalSigner", "Signer", "SigningKey", "SigningRefused"]


class SigningRefused(ConsensusError, RuntimeError):  # noqa: N818 - says what is the case
    """Signing could contradict what has been signed before. Whoever asked goes on without the signature."""


class SigningKey(Protocol):
    """What a `LocalSigner` needs of a key; `accel.sm2.PrivateKey` is one."""

    def sign(self, message: bytes, /) -> bytes:
        """The signature over `message`: 64 bytes, r‖s."""


class Signer(Protocol):
    """Signs at most one message for each position."""

    def sign(self, position: Position, message: bytes, log_number: int) -> bytes:
        """Sign what has been made durable in the log.

        Args:
            position: Height, round and step of `message`.
            message: The bytes to sign.
            log_number: The number of the last durable entry of the write-ahead log.

        Returns:
            64 bytes, r‖s; for the message that was signed last: the same signature.

        Raises:
            SigningRefused: Another message has been signed, or may have been, at this position or a later one.
        """


class LocalSigner:
    """A private key in this process and its last-sign state.

    Args:
        key: The key.
        last_sign: What it has signed last.
    """

    def __init__(self, key: SigningKey, last_sign: LastSign) -> None:
        self._key = key
        self._last_sign = last_sign

    def sign(self, position: Position, message: bytes, log_number: int) -> bytes:
        """Sign what has been made durable in the log.

        Args:
            position: Height, round and step of `message`.
            message: The bytes to sign, at most `accel.consensus.lastsign.MAX_SIGNED_BYTES`.
            log_number: The number of the last durable entry of the write-ahead log.

        Returns:
            64 bytes, r‖s; for the message that was signed last: the same signature.

        Raises:
            SigningRefused: Another message has been signed, or may have been, at this position or a later one.
            LogFailed: The disk failed: the signature has not left, and the position counts as taken.
        """
        newest = self._last_sign.newest
        if position == newest.position and message == newest.message:
            return newest.signature
        if position <= newest.position:
            raise SigningRefused(f"asked to sign at {tuple(position)} after {tuple(newest.position)}")
        signature = self._key.sign(message)
        self._last_sign.record(Slot(position, message, signature, log_number))
        return signature
