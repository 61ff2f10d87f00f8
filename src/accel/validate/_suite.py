"""Running checks on a device: one after the other, each with a verdict, whatever the device does."""

from __future__ import annotations

import random
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from accel.driver import CommandFlag, CompletionStatus, Opcode
from accel.driver._work import MERKLE, VERIFY
from accel.validate._device import CheckFailed, Device, Placed, Progress
from accel.validate._work import Answer, Work, compare, to_json

ARENA_BYTES = 8 << 20


class Outcome(StrEnum):
    """What became of a check."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"  # the device does not claim to do this
    NOT_RUN = "not run"  # the suite ended before


@dataclass(frozen=True)
class Check:
    """One check: `needs` are (opcode, flags) that the device has to claim."""

    name: str
    what: str
    run: Callable[[Suite], None]
    needs: tuple[tuple[Opcode, CommandFlag], ...] = ()


@dataclass
class Result:
    """The verdict on one check.

    Attributes:
        name: Of the check.
        what: What it looks at, in a sentence.
        outcome: Its verdict.
        sentence: Why it failed or was skipped; "" otherwise.
        seconds: How long it took.
        reproducer: The command that fails, as JSON; None if it is not one command.
    """

    name: str
    what: str
    outcome: Outcome
    sentence: str = ""
    seconds: float = 0.0
    reproducer: dict[str, Any] | None = None


CHECKS: list[Check] = []


def check(name: str, what: str, *needs: Opcode | tuple[Opcode, CommandFlag]) -> Callable[..., Callable[[Suite], None]]:
    """Add a function to the suite."""
    wanted = tuple(need if isinstance(need, tuple) else (need, CommandFlag(0)) for need in needs)

    def add(function: Callable[[Suite], None]) -> Callable[[Suite], None]:
        CHECKS.append(Check(name, what, function, wanted))
        return function

    return add


@dataclass
class Expected:
    """Items that a device has answered, and those it may have begun, by counter."""

    answered: dict[str, int] = field(default_factory=dict)
    begun: dict[str, int] = field(default_factory=dict)
    resets: int = 0

    def add(self, counts: dict[str, int], work: Work) -> None:
        """Count one command."""
        kind = "sm2_verify" if work.opcode in VERIFY else "merkle" if work.opcode in MERKLE else "sm3"
        for name, number in (("commands", 1), (f"items.{kind}", work.count)):
            counts[name] = counts.get(name, 0) + number


class Suite:
    """A device and the checks on it."""

    def __init__(self, device: Device, *, thorough: bool, seed: int) -> None:
        self.device, self.thorough, self.seed = device, thorough, seed
        self.random = random.Random(seed)
        self.expected = Expected()
        self._tag = 2**64 - 20  # tags wrap around within the first checks

    def next_tag(self) -> int:
        """A tag that is not in flight."""
        self._tag = (self._tag + 1) % 2**64
        return self._tag

    def reset(self) -> None:
        """Reset the device, and register the memory again."""
        self.device.reset()
        self.expected.resets += 1
        self.device.arena.clear()
        self.device.register()

    # running commands

    def run(self, *works: Work, queue: int = 0) -> None:
        """Have the device do this, all at once where it can, and compare.

        Raises:
            CheckFailed: Something is wrong; with the command that shows it.
        """
        rest = list(works)
        while rest:
            fitting = self._fitting(rest)
            self.run_burst(rest[:fitting], queue)
            rest = rest[fitting:]

    def _fitting(self, works: Sequence[Work]) -> int:
        room, count = self.device.arena.size // 2, 0
        for work in works[: self.device.caps.queue_depth]:
            room -= 300 * work.count + len(work.messages) + 4096
            if room < 0:
                break
            count += 1
        return max(count, 1)

    def run_burst(self, works: Sequence[Work], queue: int = 0) -> None:
        """The same for commands that fit into the queue and the memory together."""
        device = self.device
        device.arena.clear()
        placed, handles = self.place(works)
        before = device.arena.snapshot()
        try:
            self.enqueue(placed, queue)
            completions = device.collect(len(placed), queue)
            self.judge(placed, completions)
            self._expect_nothing_more(queue)
            if device.arena.snapshot() != before:
                raise CheckFailed("the device wrote outside of its outputs", works[0])
        finally:
            if handles:
                device.unload_keys(handles)

    def place(self, works: Sequence[Work]) -> tuple[list[Placed], list[int]]:
        """Commands in memory, by tag, and the handles that were loaded for them."""
        loaded: list[int] = []
        placed = []
        for work in works:
            handles = self.device.load_keys(work.keys, work.keys_stride) if work.load_keys else []
            loaded += handles
            placed.append(self.device.place(work, self.next_tag(), handles))
        return placed, loaded

    def enqueue(self, placed: Sequence[Placed], queue: int) -> None:
        """Give commands to the device, and count them; what it does not take at once is offered again."""
        waiting, end = list(placed), time.monotonic() + self.device.seconds
        while waiting:
            taken = self.device.enqueue([each.raw for each in waiting], queue)
            for each in waiting[:taken]:
                self.expected.add(self.expected.begun, each.work)
            waiting = waiting[taken:]
            if waiting and time.monotonic() > end:
                raise CheckFailed(f"{len(waiting)} of {len(placed)} commands were not taken, though the queue has room")

    def judge(self, placed: Sequence[Placed], completions: Sequence[Any]) -> list[Answer]:
        """Every command is answered once, and rightly."""
        by_tag = {each.raw.tag: each for each in placed}
        answers = []
        for completion in completions:
            each = by_tag.pop(completion.tag, None)
            if each is None:
                raise CheckFailed(f"a completion has the tag {completion.tag}, which is not in flight", placed[0].work)
            answer = self.device.answer(each, completion)
            self._require_echo(each, answer)
            if answer.status == CompletionStatus.DONE:
                self.expected.add(self.expected.answered, each.work)
            if wrong := compare(each.work, answer):
                raise CheckFailed(wrong[1], self.smallest(each.work, wrong[0]))
            answers.append(answer)
        if by_tag:
            missing = next(iter(by_tag.values())).work
            raise CheckFailed(
                f"{len(by_tag)} of {len(placed)} commands were not completed within {self.device.seconds:g} s", missing
            )
        return answers

    def _require_echo(self, placed: Placed, answer: Answer) -> None:
        work = placed.work
        if (answer.count, answer.opcode) != (work.count, work.opcode):
            raise CheckFailed(
                f"a completion echoes count {answer.count} and opcode {answer.opcode}, "
                f"expected {work.count} and {work.opcode}",
                work,
            )

    def _expect_nothing_more(self, queue: int) -> None:
        if extra := self.device.dequeue(queue):
            raise CheckFailed(f"a completion came twice or for no command: tag {extra[0].tag}")

    def smallest(self, work: Work, item: int | None) -> Work:
        """The one item, if it fails alone as well; otherwise the whole command."""
        if item is None or not work.divides:
            return work
        alone = work.item(item)
        try:
            self.device.arena.clear()
            placed = self.device.place(alone, self.next_tag())
            if self.device.enqueue([placed.raw]) == 1:
                for completion in self.device.collect(1):
                    if compare(alone, self.device.answer(placed, completion)):
                        return alone
        except (CheckFailed, MemoryError):
            return work
        return work


def _lacks(device: Device, needs: Sequence[tuple[Opcode, CommandFlag]]) -> str:
    for opcode, flags in needs:
        if not device.supports(opcode, flags):
            return f"the device does not claim {opcode.name}" + (f" with {flags.name}" if flags else "")
    return ""


class Runner:
    """Runs checks in a thread of its own, so that a device that never returns is a failed check."""

    def __init__(self, device: Device, checks: Sequence[Check], *, thorough: bool, seed: int, fail_fast: bool) -> None:
        self.suite = Suite(device, thorough=thorough, seed=seed)
        self.results = [Result(each.name, each.what, Outcome.NOT_RUN, "the suite ended before") for each in checks]
        self._checks, self._fail_fast = list(checks), fail_fast
        self._current = 0
        self._over = threading.Event()
        self.stuck = False

    def run(self, progress: Progress | None = None) -> list[Result]:
        """All of them; returns within the deadlines even if the device does not."""
        thread = threading.Thread(target=self._run, name="accel-validate", daemon=True)
        thread.start()
        device = self.suite.device
        while not self._over.wait(0.05):
            if progress is not None:
                progress(self._checks[self._current].name, self._current, len(self._checks))
            busy = device.busy
            if busy is not None and time.monotonic() > busy[1] + 0.5:
                self.stuck = True
                result = self.results[self._current]
                result.outcome, result.sentence = Outcome.FAILED, f"{busy[0]} does not return"
                break
        return self.results

    def _run(self) -> None:
        try:
            for i, each in enumerate(self._checks):
                self._current = i
                result = self._run_one(each)
                if self.stuck:
                    return
                self.results[i] = result
                if result.outcome == Outcome.FAILED and (self._fail_fast or not self._recover()):
                    return
            self.suite.device.close()
        finally:
            self._over.set()

    def _run_one(self, each: Check) -> Result:
        begin = time.monotonic()
        outcome, sentence, reproducer = Outcome.PASSED, "", None
        lacks = _lacks(self.suite.device, each.needs)
        if lacks:
            outcome, sentence = Outcome.SKIPPED, lacks
        else:
            try:
                each.run(self.suite)
            except CheckFailed as failure:
                outcome, sentence = Outcome.FAILED, str(failure)
                reproducer = None if failure.work is None else to_json(failure.work)
            except Exception:  # a check that stumbles over what a device did has not passed
                outcome, sentence = Outcome.FAILED, traceback.format_exc().strip()
        return Result(each.name, each.what, outcome, sentence, time.monotonic() - begin, reproducer)

    def _recover(self) -> bool:
        """A device after a failed check: reset, or closed and opened again; False when neither helps."""
        if not self.suite.device.is_open:
            return False
        for attempt in (self.suite.reset, self._reopen):
            try:
                attempt()
            except CheckFailed:
                continue
            return True
        return False

    def _reopen(self) -> None:
        self.suite.device.close()
        self.suite.device.open()
        self.suite.expected = Expected()
