"""What a core is configured with."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["CoreConfig"]


class CoreConfig(NamedTuple):
    """Identity, timeouts and limits of one validator's core. Times are in microseconds."""

    chain_id: bytes
    """1 to 48 bytes; part of everything that is signed."""
    public_key: bytes
    """The validator's own key; one that is in no set makes an observer."""
    propose_us: int = 1_000_000
    """timeoutPropose of round 0 (line 21)."""
    prevote_us: int = 500_000
    """timeoutPrevote of round 0 (line 35)."""
    precommit_us: int = 500_000
    """timeoutPrecommit of round 0 (line 48)."""
    delta_us: int = 250_000
    """What each round adds to each of them, so that they outgrow any delay."""
    longest_us: int = 60_000_000
    """No timeout grows beyond this."""
    relay_us: int = 500_000
    """While a height takes longer than this, its status is told to all once each such time."""
    sign_from: int = 1
    """First height at which anything may be signed; later than 1 when the last-sign state has been damaged."""
    keep_rounds: int = 16
    """Rounds below the current one whose votes are kept."""
    future_rounds: int = 4
    """Rounds above the current one in which votes of one validator are kept, the latest ones."""
    future_messages: int = 32
    """Messages of the next height that are kept for each sender."""
    pending_verifications: int = 64
    """Votes of each sender that may be under verification at one time."""
    pending_blocks: int = 4
    """Proposals and decisions of each sender that may be under verification at one time."""
    max_block_bytes: int = 1 << 20
    catch_up: int = 16
    """Decisions that are sent at once to a peer that lags behind."""
