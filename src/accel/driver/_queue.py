"""A queue of a driver in Python: one thread that runs its commands in their order."""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from accel.driver._contract import load
from accel.driver._work import Command, CompletionStatus


@dataclass
class Pending:
    """A command in the queue: the struct (a copy), and whether its answer is still wanted."""

    raw: Any
    dropped: bool = False
    cancelled: bool = False


Prepare = Callable[[Any], Command | CompletionStatus]
Execute = Callable[[Command], tuple[CompletionStatus, Callable[[Any], None] | None]]


class Queue:
    """Commands wait, one runs, completions wait.

    Inputs are copied and results written under the lock, and what runs in between touches none of the caller's memory:
    so a reset need not wait for it.
    """

    def __init__(self, depth: int, prepare: Prepare, execute: Execute) -> None:
        self._depth, self._prepare, self._execute = depth, prepare, execute
        self._condition = threading.Condition()
        self._waiting: deque[Pending] = deque()
        self._running: Pending | None = None
        self._done: deque[Any] = deque()
        self._event = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._ending = False
        self._thread = threading.Thread(target=self._work, name="accel-driver-queue", daemon=True)
        self._thread.start()

    def enqueue(self, commands: list[Any]) -> int:
        """Take as many from the front as fit."""
        with self._condition:
            room = self._depth - len(self._waiting) - len(self._done) - (self._running is not None)
            taken = commands[: max(room, 0)]
            self._waiting.extend(Pending(raw) for raw in taken)
            self._condition.notify()
        return len(taken)

    def dequeue(self, completions: Any, count: int) -> int:
        """Write up to `count` completions."""
        with self._condition:
            given = min(count, len(self._done))
            for i in range(given):
                completions[i] = self._done.popleft()[0]
            if given and not self._done:
                os.eventfd_read(self._event)
        return given

    def wait(self, timeout_ns: int) -> int:
        """1 when there is a completion, 0 when the time has passed."""
        poll = select.poll()
        poll.register(self._event, select.POLLIN)
        return int(bool(poll.poll(min(timeout_ns / 1e6, 2**31 - 1))))

    @property
    def descriptor(self) -> int:
        """Readable while there are completions."""
        return self._event

    def cancel(self, tag: int) -> int:
        """1 when the command will be completed as cancelled."""
        with self._condition:
            for pending in self._waiting:
                if pending.raw.tag == tag:
                    self._waiting.remove(pending)
                    self._complete(pending.raw, CompletionStatus.CANCELLED, 0)
                    return 1
            if self._running is not None and not self._running.dropped and self._running.raw.tag == tag:
                self._running.cancelled = True
                return 1
        return 0

    def clear(self) -> None:
        """Drop everything; what runs meanwhile is dropped when it ends."""
        with self._condition:
            self._waiting.clear()
            if self._running is not None:
                self._running.dropped = True
                self._running = None
            if self._done:
                os.eventfd_read(self._event)
            self._done.clear()

    def close(self) -> None:
        """Drop everything and end the thread."""
        self.clear()
        with self._condition:
            self._ending = True
            self._condition.notify()
        self._thread.join()
        os.close(self._event)

    def _complete(self, raw: Any, status: CompletionStatus, device_ns: int) -> None:
        ffi, _ = load()
        completion = ffi.new("accel_completion*")
        completion.tag, completion.count, completion.opcode = raw.tag, raw.count, raw.opcode
        completion.status, completion.device_ns = status, device_ns
        if not self._done:
            os.eventfd_write(self._event, 1)
        self._done.append(completion)

    def _work(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._ending or self._waiting)
                if self._ending:
                    return
                pending = self._running = self._waiting.popleft()
                prepared = self._prepare(pending.raw)
            begin = time.perf_counter_ns()
            write: Callable[[Any], None] | None = None
            if isinstance(prepared, Command):
                status, write = self._execute(prepared)
            else:
                status = prepared
            took = time.perf_counter_ns() - begin
            with self._condition:
                if pending.dropped:
                    continue
                self._running = None
                if pending.cancelled:
                    status = CompletionStatus.CANCELLED
                elif write is not None:
                    write(pending.raw)
                self._complete(pending.raw, status, took)
