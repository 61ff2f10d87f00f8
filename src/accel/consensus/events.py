"""Events: all that a core is ever told."""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

from accel.consensus.messages import Message
from accel.consensus.validators import Validator

__all__ = [
    "TIMER_NAMES",
    "TIMER_PRECOMMIT",
    "TIMER_PREVOTE",
    "TIMER_PROPOSE",
    "TIMER_RELAY",
    "Applied",
    "Durable",
    "Event",
    "Proposed",
    "Received",
    "SignRefused",
    "Signed",
    "Start",
    "Timeout",
    "Verified",
]

TIMER_PROPOSE: Final = 0
"""timeoutPropose (line 57)."""
TIMER_PREVOTE: Final = 1
"""timeoutPrevote (line 61)."""
TIMER_PRECOMMIT: Final = 2
"""timeoutPrecommit (line 65)."""
TIMER_RELAY: Final = 3
"""When to tell all where this validator stands."""
TIMER_NAMES: Final = ("propose", "prevote", "precommit", "relay")
"""Names of the timers, by number."""


class Start(NamedTuple):
    """Begin, or go on after a recovery. Given once, first."""


class Received(NamedTuple):
    """A peer sent a message. Nothing of it has been checked but that it decodes."""

    sender: int
    """The transport's number for the peer that sent it (not necessarily who signed it), 0 to 65,535."""
    message: Message


class Verified(NamedTuple):
    """The verdict on a `Verify` action."""

    id: int
    ok: bool
    """All signatures hold, the certificate (if any) too, and the block's identifier is its digest."""
    valid: bool = True
    """The application accepts the block, valid(v) of the paper. Without meaning for votes and decisions."""


class Durable(NamedTuple):
    """All records up to and with this identifier would survive a crash now."""

    id: int


class Signed(NamedTuple):
    """The signature asked for by a `Sign` action."""

    id: int
    signature: bytes


class SignRefused(NamedTuple):
    """The signer does not sign: its last-sign state forbids it. The validator stays silent at that step."""

    id: int


class Timeout(NamedTuple):
    """A timer that was set has run out."""

    timer: int
    """One of ``TIMER_PROPOSE``, ``TIMER_PREVOTE``, ``TIMER_PRECOMMIT``, ``TIMER_RELAY``."""
    height: int
    round: int


class Proposed(NamedTuple):
    """The application's block for a `Propose` action: getValue() of the paper."""

    height: int
    round: int
    block_id: bytes
    block: bytes


class Applied(NamedTuple):
    """The application has executed a delivered block; the next height can begin."""

    height: int
    updates: tuple[Validator, ...] = ()
    """Changes of the validator set from the next height on; a power of 0 removes."""


Event: TypeAlias = Start | Received | Verified | Durable | Signed | SignRefused | Timeout | Proposed | Applied
"""All that a core is told."""
