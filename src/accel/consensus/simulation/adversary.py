"""The faulty validators of a run, led by one adversary that hears what any of them hears.

It cannot forge: what it sends in an honest validator's name does not verify. Whom it tells what, and when, is drawn
from the seed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from accel.consensus.messages import NIL, PRECOMMIT, PREVOTE, Message, Proposal, Status, Vote
from accel.consensus.simulation.chance import generator
from accel.consensus.simulation.keys import Keys
from accel.consensus.simulation.knowledge import Knowledge
from accel.consensus.simulation.membership import Membership
from accel.consensus.simulation.scenario import DELAY_US, Scenario

__all__ = ["Adversary"]

Send = Callable[[int, int, Message, int], None]  # (from, to, message, delay)

_MOST_TRICKS: Final = 40  # in a round
_VOTE_STYLES: Final = ("silent", "one", "split", "split", "split", "each", "each", "one victim", "late")
_PROPOSAL_STYLES: Final = ("silent", "silent", "one", "split", "split", "some", "invalid", "again")
_LATER_STYLES: Final = ("false valid round", "late prevotes")  # of rounds that have earlier ones


class Adversary:
    """Plays all faulty validators.

    Args:
        scenario: The run's circumstances.
        keys: The keys of its nodes; the adversary signs with those of the faulty ones.
        membership: Its validators.
        send: Called with sender, receiver, message and a delay in microseconds.
        signed: Called with what a faulty validator signs.
    """

    def __init__(
        self,
        scenario: Scenario,
        keys: Keys,
        membership: Membership,
        send: Send,
        signed: Callable[[int, Proposal | Vote], None],
    ) -> None:
        self._faulty = scenario.byzantine
        self._honest = scenario.honest
        self._nodes = scenario.nodes
        self._membership = membership
        self._send = send
        self._random = generator("adversary", scenario.seed)
        self._knowledge = Knowledge(scenario, keys, membership, self._random, signed)
        self._top = 0
        self._reached: set[tuple[int, int]] = set()
        self._voted: set[tuple[int, int]] = set()
        self._tricked: Counter[tuple[int, int]] = Counter()
        self._stories: dict[tuple[int, int], tuple[int, ...]] = {}
        # A few habits for the whole run, so that runs differ in kind.
        self._vote_styles = self._random.sample(_VOTE_STYLES, 3)
        self._proposal_styles = self._random.sample(_PROPOSAL_STYLES, 4)
        self._later = self._random.choice((0.3, 0.9))
        self._tricks = self._random.choice((0.0, 0.1, 0.3))

    def receive(self, message: Message) -> None:
        """Take what one of the faulty validators is sent."""
        self._knowledge.learn(message)
        if not isinstance(message, Proposal | Vote | Status):
            return
        height, round_ = message.height, message.round
        self._reach(height, round_)
        if isinstance(message, Proposal):
            self._vote(height, round_)
        if self._random.random() < self._tricks and self._tricked[height, round_] < _MOST_TRICKS:
            self._tricked[height, round_] += 1
            self._trick(height, round_)

    def _reach(self, height: int, round_: int) -> None:
        """Act once in every round that is heard of: propose where it is the turn of a faulty validator."""
        self._top = max(self._top, height)
        if (height, round_) in self._reached or height < self._top:
            return
        self._reached.add((height, round_))
        if (proposer := self._proposer(height, round_)) in self._faulty:
            self._propose(proposer, height, round_)
            self._vote(height, round_)
        following = self._proposer(height, round_ + 1)
        if following in self._faulty and self._random.random() < 0.3:
            self._reached.add((height, round_ + 1))
            self._propose(following, height, round_ + 1)  # early

    def _proposer(self, height: int, round_: int) -> int:
        return self._membership.members(height).nodes[self._membership.validator_set(height).proposer(round_)]

    # --- proposals

    def _propose(self, node: int, height: int, round_: int) -> None:
        random, knowledge = self._random, self._knowledge
        later = round_ > 0 and random.random() < self._later
        style = random.choice(_LATER_STYLES if later else self._proposal_styles)
        if style == "silent":
            return
        if style == "false valid round":
            self._tell(node, knowledge.false_valid_round(node, height, round_), self._honest)
            return
        late = knowledge.late_prevotes(node, height, round_) if style == "late prevotes" else None
        if late is not None:
            self._tell(node, late, self._honest)
            return
        known = knowledge.known_block(height) if style == "again" else None
        block = knowledge.block(height, valid=style != "invalid") if known is None else known
        first = knowledge.proposal(node, height, round_, block)
        if style == "some":
            self._tell(node, first, random.sample(self._honest, random.randrange(1, len(self._honest) + 1)))
        elif style == "split":
            old = knowledge.known_block(height) if random.random() < 0.5 else None
            second = knowledge.proposal(node, height, round_, knowledge.block(height) if old is None else old)
            stories = self._story(height, round_)
            self._tell(node, first, [to for to in self._honest if stories[to] == 0])
            self._tell(node, second, [to for to in self._honest if stories[to] == 1])
            if random.random() < 0.3:
                self._tell(node, second, [to for to in self._honest if stories[to] == 0], 2 * DELAY_US)
        else:
            self._tell(node, first, self._honest)

    def _story(self, height: int, round_: int) -> tuple[int, ...]:
        """Which of two stories each node is told in a round: by all faulty validators the same."""
        if (height, round_) not in self._stories:
            self._stories[height, round_] = tuple(self._random.randrange(2) for _ in range(self._nodes))
        return self._stories[height, round_]

    # --- votes

    def _vote(self, height: int, round_: int) -> None:
        """Vote in a round, once in a while more than once."""
        if (height, round_) in self._voted and self._random.random() < 0.8:
            return
        self._voted.add((height, round_))
        positions = self._membership.members(height).positions
        for node in self._faulty:
            if node in positions:
                for kind in (PREVOTE, PRECOMMIT):
                    self._vote_as(node, kind, height, round_)

    def _vote_as(self, node: int, kind: int, height: int, round_: int) -> None:
        random = self._random
        blocks = self._knowledge.candidates(height, round_)
        style = random.choice(self._vote_styles)
        delay = random.randrange(2 * DELAY_US) + (DELAY_US if kind == PRECOMMIT else 0)
        if style == "silent":
            return
        if style in {"one", "late"}:
            delay += random.randrange(5 * DELAY_US) if style == "late" else 0
            self._tell(node, self._knowledge.vote(node, kind, height, round_, blocks[0]), self._honest, delay)
            return
        victim = random.choice(self._honest)
        stories = self._story(height, round_)
        for to in self._honest:
            if style == "one victim":
                chosen = [blocks[0] if to == victim else random.choice((NIL, blocks[-1]))]
            elif style == "split":
                chosen = [blocks[min(stories[to], len(blocks) - 1)]]
            else:
                chosen = random.sample(blocks, random.randrange(1, len(blocks) + 1))
            for block_id in chosen:
                vote = self._knowledge.vote(node, kind, height, round_, block_id)
                self._tell(node, vote, [to] * (1 + (random.random() < 0.1)), delay)

    # --- tricks

    def _trick(self, height: int, round_: int) -> None:
        random, knowledge = self._random, self._knowledge
        sender = random.choice(self._faulty)
        is_member = sender in self._membership.members(height).positions
        trick = random.randrange(7)
        message: Message | None = None
        if trick == 0:
            message = knowledge.replay()
        elif trick == 1:
            message = knowledge.forged_vote(height, round_)
        elif trick == 2:
            message = knowledge.false_decision(height)
        elif trick == 3 and is_member:
            block_id = random.choice(knowledge.candidates(height, round_))
            kind = random.choice((PREVOTE, PRECOMMIT))
            message = knowledge.vote(sender, kind, height, round_ + random.randrange(1, 4), block_id)
        elif trick == 4 and is_member:
            message = knowledge.out_of_turn(sender, height, round_)
        elif trick == 5:
            message = knowledge.false_status(height, round_)
        else:
            message = knowledge.decision()
        if message is not None:
            self._tell(sender, message, random.sample(self._honest, random.choice((1, 1, len(self._honest)))))

    def _tell(self, node: int, message: Message, to: Iterable[int], delay_us: int = 0) -> None:
        for receiver in to:
            self._send(node, receiver, message, delay_us + self._random.randrange(DELAY_US // 2))
