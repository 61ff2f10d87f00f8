"""Exceptions of the consensus engine."""

from __future__ import annotations

from accel.errors import AccelError, ArgumentError, EncodingError

__all__ = [
    "CertificateError",
    "ConsensusError",
    "EventError",
    "MessageError",
    "RecoveryError",
    "ScenarioError",
    "ValidatorSetError",
]


class ConsensusError(AccelError):
    """Base of the consensus engine's exceptions."""


class MessageError(ConsensusError, EncodingError):
    """Bytes are no message, record or certificate, or a field lies outside its limits."""


class ValidatorSetError(ConsensusError, ArgumentError):
    """Keys or powers do not make a validator set."""


class RecoveryError(ConsensusError):
    """The write-ahead log does not fit together. Nothing may be signed by what it says."""


class ScenarioError(ConsensusError, ArgumentError):
    """A Twins scenario, or a file of them, does not describe one."""


class EventError(ConsensusError, ArgumentError):
    """An event that the driver of a core must not give: a bug of the driver, never a peer's doing."""


class CertificateError(ConsensusError, ValueError):
    """A certificate or a piece of evidence does not prove what it claims.

    Attributes:
        reason: One word for counters: ``kind``, ``height``, ``round``, ``block``, ``signers``, ``unsorted``,
            ``duplicate``, ``unknown``, ``power``, ``signature``, ``conflict``.
    """

    def __init__(self, reason: str, message: str) -> None:
        """Take the word and the sentence."""
        super().__init__(message)
        self.reason = reason
