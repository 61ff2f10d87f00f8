"""Spaces of Twins scenarios: numbered, so that any part of one can be run, shared out and named."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final, NamedTuple

from accel.consensus.errors import ScenarioError
from accel.consensus.twins.scenario import STEPS, Scenario, Split

__all__ = ["FAMILIES", "Space"]

FAMILIES: Final = ("rounds", "steps", "leaders")
"""``rounds``: one split for each round, leaders fixed. ``steps``: one for each step of each round, since a lock needs
prevotes to arrive where precommits do not; leaders fixed. ``leaders``: ``steps``, and any leader in each round."""

_MAX_NODES: Final = 24


class Space(NamedTuple):
    """All scenarios of a family: every two-way split of the nodes, the trivial one included, wherever there is one.

    With 4 validators of which one has a twin there are 5 nodes and 16 splits: 16⁴ scenarios of ``rounds`` over 4
    rounds, 16¹² of ``steps``, 4⁴ · 16¹² of ``leaders``.
    """

    family: str
    powers: tuple[int, ...]
    twins: tuple[int, ...]
    leaders: tuple[int, ...]
    """The leader of each round; their number is the number of rounds."""

    def check(self) -> None:
        """Check that it is a space.

        Raises:
            ScenarioError: It is not; it says why.
        """
        if self.family not in FAMILIES:
            raise ScenarioError(f"family: expected one of {', '.join(FAMILIES)}, got {self.family!r}")
        if not self.leaders:
            raise ScenarioError("leaders: expected one for each round, got none")
        nodes = len(self.powers) + len(self.twins)
        if not 2 <= nodes <= _MAX_NODES:
            raise ScenarioError(f"powers and twins: expected 2 to {_MAX_NODES} nodes together, got {nodes}")
        Scenario(self.powers, self.twins, self.leaders, ()).check()

    @property
    def two_way_splits(self) -> int:
        """Number of splits of the nodes into at most two groups."""
        return 1 << (len(self.powers) + len(self.twins) - 1)

    @property
    def size(self) -> int:
        """Number of scenarios."""
        rounds = len(self.leaders)
        splits = rounds if self.family == "rounds" else rounds * STEPS
        leaders = rounds if self.family == "leaders" else 0
        return int(self.two_way_splits**splits * len(self.powers) ** leaders)

    def scenario(self, index: int) -> Scenario:
        """Return the scenario of number `index`, from 0 to ``size`` − 1."""
        rest, leaders = index, list(self.leaders)
        rounds: list[tuple[Split, Split, Split]] = []
        for round_ in range(len(leaders)):
            if self.family == "leaders":
                rest, leaders[round_] = divmod(rest, len(self.powers))
            if self.family == "rounds":
                rest, number = divmod(rest, self.two_way_splits)
                split = self._split(number)
                rounds.append((split, split, split))
            else:
                rest, first = divmod(rest, self.two_way_splits)
                rest, second = divmod(rest, self.two_way_splits)
                rest, third = divmod(rest, self.two_way_splits)
                rounds.append((self._split(first), self._split(second), self._split(third)))
        return Scenario(self.powers, self.twins, tuple(leaders), tuple(rounds))

    def _split(self, number: int) -> Split:
        """Return a split: the first node is in group 0, bit i of the number is the group of node i + 1."""
        return (0, *(number >> i & 1 for i in range(len(self.powers) + len(self.twins) - 1)))

    def numbers(self, count: int | None, seed: int) -> Iterator[int]:
        """Yield the numbers of all scenarios, or of a sample.

        Args:
            count: How many, drawn with repetition; None or the whole space: each once, in order.
            seed: What the sample is drawn by.
        """
        if count is None or count >= self.size:
            yield from range(self.size)
            return
        draw = random.Random(seed)  # noqa: S311 - the same sample for the same seed
        for _ in range(count):
            yield draw.randrange(self.size)
