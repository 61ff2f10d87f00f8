"""Twins scenarios: who has a twin, who leads, and how the network is split at each step.

Twins (arXiv 2004.10617) makes a validator Byzantine by running it twice: both instances hold its key and follow the
rules, each by what it has seen. Splits of the network between them, and the choice of leaders, then give equivocation,
withheld messages and lost state, without any code for misbehaviour.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

from accel.consensus.errors import ScenarioError
from accel.consensus.messages import MAX_VALIDATORS

__all__ = ["STEPS", "Scenario", "Split", "node_names", "overlap", "sides"]

STEPS: Final = 3
"""Splits of a round: when its proposals, its prevotes and its precommits are delivered."""

Split: TypeAlias = tuple[int, ...]
"""The group of each node; messages reach the nodes of the same group, the others never."""


class Scenario(NamedTuple):
    """One run at one height: some rounds under splits, then a healed network until all honest validators decide."""

    powers: tuple[int, ...]
    """Voting power of each validator."""
    twins: tuple[int, ...]
    """The validators that run twice, ascending."""
    leaders: tuple[int, ...]
    """The proposer of each round; after these the rotation goes on as usual."""
    splits: tuple[tuple[Split, Split, Split], ...]
    """For each round the splits at its three steps."""

    @property
    def nodes(self) -> int:
        """Number of instances, first the validators in their order, then the twins."""
        return len(self.powers) + len(self.twins)

    @property
    def twin_power(self) -> int:
        """Power of the validators that have a twin."""
        return sum(self.powers[twin] for twin in self.twins)

    @property
    def may_fork(self) -> bool:
        """Whether some scenario of these twins forks, which is so exactly if they have two `sides`."""
        return sides(self.powers, self.twins) is not None

    def check(self) -> None:
        """Check that everything names nodes that there are.

        Raises:
            ScenarioError: A position, a power or a number of groups is wrong; it says which.
        """
        count = len(self.powers)
        if not 1 <= count <= MAX_VALIDATORS or min(self.powers) < 1:
            raise ScenarioError(f"powers: expected 1 to {MAX_VALIDATORS} powers of 1 or more, got {self.powers}")
        if list(self.twins) != sorted(set(self.twins)) or any(not 0 <= twin < count for twin in self.twins):
            raise ScenarioError(f"twins: expected ascending positions below {count}, got {self.twins}")
        if any(not 0 <= leader < count for leader in self.leaders):
            raise ScenarioError(f"leaders: expected positions below {count}, got {self.leaders}")
        if len(self.leaders) < len(self.splits):
            raise ScenarioError(f"leaders: expected {len(self.splits)}, one for each round, got {len(self.leaders)}")
        for round_, steps in enumerate(self.splits):
            if len(steps) != STEPS or any(len(split) != self.nodes for split in steps):
                raise ScenarioError(
                    f"splits: expected {STEPS} of {self.nodes} nodes in each round, not so in round {round_}"
                )


def overlap(powers: tuple[int, ...]) -> int:
    """Return the least power that two quorums of validators with `powers` have in common: more than a third."""
    total = sum(powers)
    return 2 * (total * 2 // 3 + 1) - total


def sides(powers: tuple[int, ...], twins: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Part the validators without a twin so that each part is a quorum together with the twins.

    Two honest validators decide differently only on the precommits of two quorums, which have no honest validator in
    common: so one that forks needs two such parts, and if there are two, a split along them forks. With n validators
    of equal power and quorums of q, it takes 2 q − n twins.

    Args:
        powers: Voting power of each validator.
        twins: The validators that run twice.

    Returns:
        The two parts, positions ascending; None if there are none.
    """
    total = sum(powers)
    needed = total * 2 // 3 + 1 - sum(powers[twin] for twin in twins)
    others = [validator for validator in range(len(powers)) if validator not in twins]
    parts: dict[int, tuple[int, ...]] = {0: ()}  # by their power; of each power one
    for validator in others:
        parts = {power + powers[validator]: (*part, validator) for power, part in parts.items()} | parts
    rest = sum(powers[validator] for validator in others)
    least = min((power for power in parts if power >= max(needed, 1)), default=None)
    if least is None or rest - least < max(needed, 1):
        return None
    return parts[least], tuple(validator for validator in others if validator not in parts[least])


def node_names(scenario: Scenario) -> list[str]:
    """Return the nodes' names: ``0``, ``1``, …, then ``0'`` for the twin of 0."""
    return [str(i) for i in range(len(scenario.powers))] + [f"{twin}'" for twin in scenario.twins]
