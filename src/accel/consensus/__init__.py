"""Consensus for 4 to 100 known validators: Tendermint's rules, SM2 certificates, events in and actions out.

`Core` holds the rules and nothing else: no I/O, no clock, no randomness, no signing. A driver gives it events
(`accel.consensus.events`) and carries out its actions (`accel.consensus.actions`).
"""

from accel.consensus import actions, events, messages, records
from accel.consensus.config import CoreConfig
from accel.consensus.core import RULES, Core
from accel.consensus.errors import CertificateError, ConsensusError, EventError, MessageError, ValidatorSetError
from accel.consensus.validators import Validator, ValidatorSet

__all__ = [
    "RULES",
    "CertificateError",
    "ConsensusError",
    "Core",
    "CoreConfig",
    "EventError",
    "MessageError",
    "Validator",
    "ValidatorSet",
    "ValidatorSetError",
    "actions",
    "events",
    "messages",
    "records",
]
