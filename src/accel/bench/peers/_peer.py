"""What a peer is, and the questions that it has to answer before it is timed."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from accel.bench.workload import Workload
from accel.errors import AccelError

Work: TypeAlias = Callable[[], int]
"""Does some items and returns how many. Raises `PeerWrongAnswerError` if an answer is wrong."""

Prepare: TypeAlias = Callable[[Workload], Work]


class PeerWrongAnswerError(AccelError):
    """A peer's answer is wrong, so it is not timed."""


class RemoteWork(ABC):
    """`Work` done by another process on the caller's core; that process takes the time itself.

    Attributes:
        cpu_seconds: CPU time of the other process for all calls so far.
        wall_seconds: Time by the monotonic clock for all calls so far, without the way there and back.
    """

    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0

    @abstractmethod
    def __call__(self) -> int:
        """Have some items done, wait, and return how many."""


@dataclass(frozen=True)
class Peer:
    """A library found on this machine.

    Attributes:
        name: As its users know it.
        version: For example ``3.0.19``.
        how: How it is called: one sentence.
        operations: For each operation it has, the function that prepares and checks the work. That raises
            `PeerWrongAnswerError` when the peer accepts a damaged signature, refuses a right one, or signs or hashes
            wrongly.
    """

    name: str
    version: str
    how: str
    operations: dict[str, Prepare] = field(repr=False)


@dataclass(frozen=True)
class Missing:
    """A peer that is not measured, and why not: one sentence."""

    name: str
    reason: str


def cpu_clock(work: Work) -> Callable[[], float]:
    """The clock to read before and after a call of `work`: CPU seconds of whoever does it.

    That is the calling thread (``CLOCK_THREAD_CPUTIME_ID``), or the other process in the case of `RemoteWork`.
    """
    return (lambda: work.cpu_seconds) if isinstance(work, RemoteWork) else time.thread_time


def wall_clock(work: Work) -> Callable[[], float]:
    """As `cpu_clock`, but the monotonic clock."""
    return (lambda: work.wall_seconds) if isinstance(work, RemoteWork) else time.perf_counter
