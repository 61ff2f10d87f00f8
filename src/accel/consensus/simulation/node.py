"""One honest validator of a run: the driver that ships, on a simulated disk, with a small application."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Protocol

from accel import sm3
from accel.consensus.actions import (
    Action,
    Broadcast,
    Deliver,
    Propose,
    Report,
    Send,
    SendDecisions,
    SetTimer,
    Verify,
)
from accel.consensus.config import CoreConfig
from accel.consensus.driver import Driver, recover
from accel.consensus.errors import ConsensusError
from accel.consensus.events import Applied, Event, Proposed, Received, Start, Timeout, Verified
from accel.consensus.messages import Certificate, Decision, Message, Proposal, Vote
from accel.consensus.simulation.chance import generator
from accel.consensus.simulation.checkers import VALID_PREFIX, Checkers, Violation
from accel.consensus.simulation.disk import PowerLoss, SimulatedDisk
from accel.consensus.simulation.keys import Keys
from accel.consensus.simulation.membership import Membership
from accel.consensus.simulation.points import RECOVERY, SENT, CrashPoint
from accel.consensus.simulation.scenario import CHAIN_ID, Crash, Scenario
from accel.consensus.wal import LogFailed, WriteAheadLog

__all__ = ["Node", "Surroundings"]

_SEGMENT_BYTES = 1_500  # a few records: segments begin and are forgotten all the time


class Surroundings(Protocol):
    """What a node needs of the world around it."""

    now_us: int
    scenario: Scenario
    keys: Keys
    membership: Membership
    checkers: Checkers
    points: Counter[CrashPoint]
    crashed_at: Counter[CrashPoint]
    rules: Counter[str]

    def at(self, time_us: int, call: Callable[..., None], *args: Any) -> None:
        """Call something at a time."""

    def transmit(self, sender: int, to: int, message: Message) -> None:
        """Hand a message to the network."""

    def verdict(self, message: Proposal | Vote | Decision | Certificate) -> tuple[bool, bool]:
        """What the verifier says: (signatures and identifier hold, the application accepts the block)."""

    def decided(self, node: int, height: int) -> None:
        """Hear that a node has handed a height to its application."""

    def say(self, node: int, text: str, *details: object) -> None:
        """Write a line of the transcript, if there is one."""


class Node:
    """An honest validator.

    Args:
        number: Of the node and its key.
        world: What is around it.
    """

    def __init__(self, number: int, world: Surroundings) -> None:
        scenario = world.scenario
        self.number = number
        self._world = world
        self._random = generator(f"node {number}", scenario.seed)
        self._skew = scenario.skews[number]
        self._disk = SimulatedDisk(generator(f"disk {number}", scenario.seed), self._reached)
        self._crashes = [crash for crash in scenario.crashes if crash.node == number]
        self._passed: Counter[CrashPoint] = Counter()
        self._down_us = 0
        self._recovering = False
        self._harm = ""
        self._harmed = False
        #: Its disk has lost what it had promised to keep, and it does not start any more.
        self.is_retired = False
        self._driver: Driver | None = None
        self._inbox: deque[Event] = deque()
        self._life = 0
        self._proposed = 0
        #: What the application has executed; of it the first `_durable` survive a crash.
        self.chain: list[Deliver] = []
        self._durable = 0
        self._perform: dict[type, Callable[[Any], None]] = {
            Broadcast: self._broadcast,
            Send: self._send,
            SendDecisions: self._send_decisions,
            SetTimer: self._set_timer,
            Verify: self._verify,
            Propose: self._propose,
            Deliver: self._deliver,
            Report: self._report,
        }
        propose, prevote, precommit, delta = scenario.rounds_us
        self._config = CoreConfig(
            chain_id=CHAIN_ID,
            public_key=world.keys.public(number),
            propose_us=propose,
            prevote_us=prevote,
            precommit_us=precommit,
            delta_us=delta,
            relay_us=scenario.relay_us,
        )

    @property
    def is_up(self) -> bool:
        """Whether it runs."""
        return self._driver is not None

    @property
    def height(self) -> int:
        """The height it works on."""
        return len(self.chain) + 1

    @property
    def round(self) -> int:
        """The round it is in; 0 while it is down."""
        return 0 if self._driver is None else self._driver.core.round

    # --- what happens to it

    def start(self) -> None:
        """Recover from the disk and go on."""
        if self._driver is not None:
            return
        world, height = self._world, self._durable + 1
        self._disk.height = height
        world.say(self.number, "starts at height %d", height)
        try:
            self._recovering = True
            log = WriteAheadLog(self._disk, identity=b"log %04d" % self.number, segment_bytes=_SEGMENT_BYTES)
            driver = recover(
                self._disk,
                world.keys.private(self.number),
                self._config,
                height,
                world.membership.validator_set(height),
                self._act,
                log=log,
            )
            self._reached(("replay", 0))
        except PowerLoss:
            self._lose_power()
            return
        except LogFailed as error:
            self._end(str(error))
            return
        except ConsensusError as error:
            if self._harmed:
                world.say(self.number, "refuses to start: %s", str(error))
                self.is_retired = True
                return
            raise Violation("recovery", f"node {self.number} does not start again: {error}") from error
        finally:
            self._recovering = False
        if self._disk.has_lost_signed:
            raise Violation("recovery", f"node {self.number} starts although its log ends before what it signed last")
        self._driver = driver
        if self._handle(Start()):
            self._recovering = True
            try:
                self._reached(("replay", 1))
            except PowerLoss:
                self._lose_power()
            finally:
                self._recovering = False

    def receive(self, sender: int, message: Message) -> None:
        """Take a message off the network."""
        if self._driver is None:
            return
        if isinstance(message, Proposal):
            self._world.checkers.offered(self.number, message)
        watched = not self._world.scenario.verify_us
        if watched:
            core = self._driver.core
            self._world.checkers.received(self.number, message, core.height, core.round)
        if self._handle(Received(sender, message)) and watched:
            self._world.checkers.settled(self.number)

    def fail_disk(self, call: str, down_us: int) -> None:
        """Let every further call of a kind fail."""
        if self._driver is not None:
            self._down_us = down_us
            self._disk.failing.add(call)

    def _later(self, life: int, event: Event) -> None:
        if life == self._life and self._driver is not None:
            self._handle(event)

    def _timeout(self, life: int, timer: int, height: int, round_: int) -> None:
        if life == self._life and self._driver is not None:
            self._world.checkers.ran_out(self.number, timer, height, round_)
            self._handle(Timeout(timer, height, round_))

    # --- how it runs

    def _handle(self, event: Event) -> bool:
        """Give the driver an event and all that follows at once; False if the node is down after it."""
        driver = self._driver
        assert driver is not None
        try:
            driver.handle(event)
            while self._inbox:
                following = self._inbox.popleft()
                driver.handle(following)
                if type(following) is Applied:
                    driver.forget(self._durable)
        except PowerLoss:
            self._lose_power()
            return False
        except LogFailed as error:
            self._end(str(error))
            return False
        except Violation:
            raise
        except Exception as error:
            raise Violation(
                "recovery", f"node {self.number} ended by {type(error).__name__} on {type(event).__name__}: {error}"
            ) from error
        return True

    def _reached(self, point: CrashPoint) -> None:
        world = self._world
        if self._recovering:
            point = (RECOVERY + point[0], point[1])
        world.points[point] += 1
        if not self._crashes or world.now_us >= world.scenario.heal_us:
            return
        self._passed[point] += 1
        for crash in self._crashes:
            if crash.point == point and self._passed[point] == crash.occurrence:
                self._crash(crash)

    def _crash(self, crash: Crash) -> None:
        self._crashes.remove(crash)
        self._passed[crash.point] = 0
        self._world.crashed_at[crash.point] += 1
        self._world.say(self.number, "crashes %s %s", ("before", "after")[crash.point[1]], crash.point[0])
        self._down_us, self._harm = crash.down_us, crash.harm
        raise PowerLoss

    def _lose_power(self) -> None:
        fragile = self.number in self._world.scenario.fragile
        fates = self._disk.lose_power(lambda name: fragile or name.startswith("wal-"))
        if fates:
            self._world.say(self.number, "left on the disk: %s", "; ".join(fates))
        if self._harm:
            self._harm_disk()
        self._stop()

    def _harm_disk(self) -> None:
        self._world.say(self.number, "the disk loses what was synced: %s", self._harm)
        if self._harm in {"slot", "both"}:
            self._disk.rot(f"last-sign-{self._random.randrange(2)}")
        if self._harm in {"log", "both"}:
            self._disk.roll_back(within_height=self._harm == "both")
        self._harm, self._harmed = "", True

    def _end(self, reason: str) -> None:
        self._world.say(self.number, "ends: %s", reason)
        self._lose_power()

    def _stop(self) -> None:
        world = self._world
        if self._driver is not None:
            world.rules.update(self._driver.core.rules_hit)
        self._driver = None
        self._life += 1
        self._inbox.clear()
        world.checkers.crashed(self.number, self.height)
        del self.chain[self._durable :]
        world.at(min(world.now_us + self._down_us, max(world.scenario.heal_us, world.now_us + 1)), self.start)

    def finish(self) -> None:
        """Add what the core counted to the world's figures."""
        if self._driver is not None:
            self._world.rules.update(self._driver.core.rules_hit)

    # --- what it does

    def _act(self, action: Action) -> None:
        self._perform[type(action)](action)

    def _broadcast(self, action: Broadcast) -> None:
        message = action.message
        point = SENT[message.kind - 1] if isinstance(message, Vote) else SENT[0]
        told = isinstance(message, Vote | Proposal)
        if told:
            self._reached((f"send {point}", 0))
        self._world.checkers.sent(self.number, message, self.round)
        self._world.say(self.number, "sends %s", message)
        for to in range(self._world.scenario.nodes):
            if to != self.number:
                self._world.transmit(self.number, to, message)
        if told:
            self._reached((f"send {point}", 1))

    def _send(self, action: Send) -> None:
        self._world.checkers.sent(self.number, action.message)
        self._world.say(self.number, "sends to %d %s", action.to, action.message)
        self._world.transmit(self.number, action.to, action.message)

    def _send_decisions(self, action: SendDecisions) -> None:
        self._world.say(self.number, "sends to %d decisions %d to %d", action.to, action.first, action.last)
        for decided in self.chain[action.first - 1 : action.last]:
            self._world.transmit(self.number, action.to, Decision(decided.block, decided.certificate))

    def _set_timer(self, action: SetTimer) -> None:
        timer, height, round_, delay_us = action
        time_us = self._world.now_us + int(delay_us * self._skew)
        self._world.at(time_us, self._timeout, self._life, timer, height, round_)

    def _verify(self, action: Verify) -> None:
        self._answer(Verified(action.id, *self._world.verdict(action.message)))

    def _propose(self, action: Propose) -> None:
        self._proposed += 1
        block = b"%s%d of node %d, number %d" % (VALID_PREFIX, action.height, self.number, self._random.getrandbits(32))
        self._answer(Proposed(action.height, action.round, sm3.new(block).digest(), block))

    def _answer(self, event: Event) -> None:
        longest = self._world.scenario.verify_us
        if longest:
            self._world.at(self._world.now_us + self._random.randrange(longest), self._later, self._life, event)
        else:
            self._inbox.append(event)

    def _deliver(self, action: Deliver) -> None:
        world = self._world
        self._reached(("apply", 0))
        world.checkers.delivered(self.number, action, self.height)
        self.chain.append(action)
        world.decided(self.number, action.height)
        self._disk.height = self.height
        world.say(self.number, "decides height %d: %s", action.height, action.block_id)
        if self._random.random() >= world.scenario.application_lag:
            self._durable = len(self.chain)
        self._reached(("apply", 1))
        self._inbox.append(Applied(action.height, world.membership.updates(action.height)))

    def _report(self, action: Report) -> None:
        self._world.say(self.number, "reports %s", action.evidence)
        self._world.checkers.reported(self.number, action.evidence)
