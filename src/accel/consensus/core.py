"""The consensus core: Tendermint's rules (arXiv 1807.04938, Algorithm 1) as a function of events."""

from __future__ import annotations

from collections.abc import Iterable

from accel.consensus.actions import Action
from accel.consensus.config import CoreConfig
from accel.consensus.events import Event
from accel.consensus.records import Record
from accel.consensus.validators import ValidatorSet

__all__ = ["Core"]


class Core:
    """One validator's state machine: ``step(event)`` gives the actions that follow.

    Args:
        config: Identity, timeouts, limits.
        height: The first height to decide: the one after the last that the application has executed.
        validators: The validator set of that height.
        records: What the write-ahead log holds, in order; records of earlier heights are passed over.
    """

    height: int
    round: int
    validators: ValidatorSet
    rules_hit: dict[str, int]
    """How often each rule of the paper has fired, by its line: ``line22``, ``line28``, …"""
    counters: dict[str, int]
    """What was dropped, by reason."""

    def __init__(
        self, config: CoreConfig, height: int, validators: ValidatorSet, records: Iterable[Record] = ()
    ) -> None:
        raise NotImplementedError

    def step(self, event: Event) -> list[Action]:
        """Take one event and return the actions to carry out, in their order.

        Raises:
            EventError: The driver broke the contract: an unknown identifier, an event before `Start`, ….
        """
        raise NotImplementedError
