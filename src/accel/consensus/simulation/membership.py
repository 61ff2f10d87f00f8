"""Who is a validator at which height, worked out from the scenario alone."""

from __future__ import annotations

from accel.consensus.simulation.keys import Keys
from accel.consensus.simulation.scenario import Scenario
from accel.consensus.validators import Validator, ValidatorSet

__all__ = ["Members", "Membership"]


class Members:
    """The validators of one height.

    Attributes:
        nodes: Nodes by position in the set.
        powers: Voting powers by position.
        total: Their sum.
        positions: Positions by node; a node that is no validator is missing.
    """

    def __init__(self, powers: dict[int, int], keys: Keys) -> None:
        self.nodes = tuple(sorted(powers, key=keys.public))
        self.powers = tuple(powers[node] for node in self.nodes)
        self.total = sum(self.powers)
        self.positions = {node: position for position, node in enumerate(self.nodes)}

    def is_quorum(self, power: int) -> bool:
        """Whether `power` is more than two thirds."""
        return 3 * power > 2 * self.total


class Membership:
    """The validators of every height of a run.

    Args:
        scenario: The run's circumstances.
        keys: The keys of its nodes.
    """

    def __init__(self, scenario: Scenario, keys: Keys) -> None:
        self._scenario = scenario
        self._keys = keys
        self._powers = [dict(scenario.powers)]
        self._members = [Members(self._powers[0], keys)]
        self._sets = [ValidatorSet(Validator(keys.public(node), power) for node, power in scenario.powers)]

    def updates(self, height: int) -> tuple[Validator, ...]:
        """The changes that the application makes after it has executed `height`."""
        return tuple(Validator(self._keys.public(node), power) for node, power in self._changes(height))

    def members(self, height: int) -> Members:
        """The validators of `height`, without the engine's own code."""
        while len(self._members) < height:
            changes = self._changes(len(self._members))
            powers = {**self._powers[-1], **dict(changes)}
            self._powers.append({node: power for node, power in powers.items() if power})
            self._members.append(Members(self._powers[-1], self._keys) if changes else self._members[-1])
        return self._members[height - 1]

    def validator_set(self, height: int) -> ValidatorSet:
        """The engine's set of `height`, with its rotation."""
        while len(self._sets) < height:
            self._sets.append(self._sets[-1].next(self.updates(len(self._sets))))
        return self._sets[height - 1]

    def _changes(self, height: int) -> tuple[tuple[int, int], ...]:
        updates = self._scenario.updates
        return updates[height - 1] if height <= len(updates) else ()
