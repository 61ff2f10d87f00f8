"""A network of cores for tests: synchronous or with delays, no disk, signatures that are labels."""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from accel.consensus import Core, CoreConfig, Validator, ValidatorSet
from accel.consensus import actions as a
from accel.consensus import events as e
from accel.consensus import messages as m

CHAIN = b"test"
CONFIG = CoreConfig(chain_id=CHAIN, public_key=b"", propose_us=8_000, prevote_us=4_000, precommit_us=4_000)


def key(i: int) -> bytes:
    return i.to_bytes(2, "big") * 32


def block_id(block: bytes) -> bytes:
    return hashlib.sha256(block).digest()


def validator_set(powers: Sequence[int]) -> ValidatorSet:
    return ValidatorSet(Validator(key(i), power) for i, power in enumerate(powers))


def signature(validator: int, intent: m.Intent) -> bytes:
    """A label of 64 bytes in place of a signature."""
    return hashlib.sha512(repr((validator, tuple(intent))).encode()).digest()


class Node:
    """A core with its own durable log."""

    def __init__(self, network: Network, i: int, powers: Sequence[int], config: CoreConfig, core_class: Any) -> None:
        self.network, self.i = network, i
        self.core = core_class(config._replace(public_key=key(i)), 1, validator_set(powers))
        self.records: list[Any] = []
        self.decided: dict[int, bytes] = {}
        self.decided_at: dict[int, int] = {}
        self.decisions: dict[int, m.Decision] = {}
        self.evidence: list[m.Evidence] = []
        self.events: list[Any] = []
        self.sent: list[m.Message] = []

    def give(self, event: Any) -> None:
        """Step, and carry out what follows; the disk, the signer, the verifier and the application take no time."""
        queue = [event]
        while queue:
            event = queue.pop(0)
            self.events.append(event)
            for action in self.core.step(event):
                queue += self.carry_out(action)

    def carry_out(self, action: Any) -> list[Any]:
        network = self.network
        if isinstance(action, a.Persist):
            self.records.append(action.record)
            return [e.Durable(action.id)]
        if isinstance(action, a.Sign):
            return [e.Signed(action.id, signature(self.i, action.intent))]
        if isinstance(action, a.Verify):
            return [e.Verified(action.id, network.verify(action.message), network.valid(action.message))]
        if isinstance(action, a.Propose):
            block = network.blocks(self.i, action.height, action.round)
            return [] if block is None else [e.Proposed(action.height, action.round, block_id(block), block)]
        if isinstance(action, a.Deliver):
            assert action.height not in self.decided or self.decided[action.height] == action.block_id
            self.decided[action.height] = action.block_id
            self.decided_at[action.height] = network.now
            self.decisions[action.height] = m.Decision(action.block, action.certificate)
            return [e.Applied(action.height)] if action.height < network.heights else []
        self.send(action)
        return []

    def send(self, action: Any) -> None:
        network = self.network
        if isinstance(action, a.Broadcast):
            self.sent.append(action.message)
            for to in range(len(network.nodes)):
                if to != self.i:
                    network.post(self.i, to, action.message)
        elif isinstance(action, a.Send):
            network.post(self.i, action.to, action.message)
        elif isinstance(action, a.SendDecisions):
            for height in range(action.first, action.last + 1):
                network.post(self.i, action.to, self.decisions[height])
        elif isinstance(action, a.SetTimer):
            network.at(action.delay_us, self.i, e.Timeout(action.timer, action.height, action.round))
        elif isinstance(action, a.Report):
            self.evidence.append(action.evidence)
        else:
            raise TypeError(action)


class Network:
    """Nodes, the clock and the messages under way."""

    def __init__(
        self,
        powers: Sequence[int],
        *,
        heights: int = 1,
        config: CoreConfig = CONFIG,
        delay: Callable[[int, int, m.Message, int], Iterable[int]] = lambda *_: (1_000,),
        core_class: Any = Core,
        valid: Callable[[m.Message], bool] = lambda _: True,
    ) -> None:
        self.valid = valid
        self.heights = heights
        self.now = 0
        self.delay = delay
        self.down: set[int] = set()
        self.queue: list[tuple[int, int, int, Any]] = []
        self.count = 0
        self.kinds: Counter[str] = Counter()
        self.nodes = [Node(self, i, powers, config, core_class) for i in range(len(powers))]

    def verify(self, message: m.Message) -> bool:
        if isinstance(message, m.Certificate):
            return all(self.verify(vote) for vote in message.votes())
        if isinstance(message, m.Decision):
            return all(self.verify(vote) for vote in message.certificate.votes())
        if isinstance(message, m.Proposal) and block_id(message.block) != message.block_id:
            return False
        certificate = message.certificate if isinstance(message, m.Proposal) else None
        if certificate is not None and not all(self.verify(vote) for vote in certificate.votes()):
            return False
        statement = message.statement()
        intent = m.Intent(statement.kind, statement.height, statement.round, statement.valid_round, statement.block_id)
        return message.signature == signature(message.validator, intent)

    def blocks(self, i: int, height: int, round_: int) -> bytes | None:
        return f"block {height}.{round_} of {i}".encode()

    def at(self, delay_us: int, i: int, event: Any) -> None:
        self.count += 1
        heapq.heappush(self.queue, (self.now + delay_us, self.count, i, event))

    def post(self, source: int, to: int, message: m.Message) -> None:
        for delay_us in self.delay(source, to, message, self.now):
            self.kinds[type(message).__name__] += 1
            self.at(delay_us, to, e.Received(source, message))

    def run(self, until: Callable[[], bool], limit_us: int = 60_000_000) -> None:
        for node in self.nodes:
            if node.i not in self.down:
                node.give(e.Start())
        while not until() and self.queue and self.now <= limit_us:
            self.now, _, i, event = heapq.heappop(self.queue)
            if i not in self.down:
                self.nodes[i].give(event)

    def all_decided(self) -> bool:
        return all(self.heights in node.decided for node in self.nodes if node.i not in self.down)
