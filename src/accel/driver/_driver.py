"""The base class of drivers in Python."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from accel.driver._contract import load
from accel.driver._queue import Queue
from accel.driver._work import MERKLE, VERIFY, Command, CommandFlag, CompletionStatus, LogLevel, Opcode, check, copy

_METHODS = {
    "hash_messages": (Opcode.SM3,),
    "verify": (Opcode.SM2_VERIFY_DIGEST, Opcode.SM2_VERIFY),
    "merkle_levels": (Opcode.MERKLE_LEVELS,),
    "merkle_root": (Opcode.MERKLE_ROOT,),
}


def _say_nothing(_level: int, _message: str) -> None:
    """The log of a driver that nobody has opened."""


class UnsupportedError(Exception):
    """Raised by a driver's method: the command is completed as ``UNSUPPORTED``."""


class BadCommandError(Exception):
    """Raised by a driver's method: the command is completed as ``BAD_COMMAND``."""


@dataclass(frozen=True)
class Capabilities:
    """Limits of a device (``accel_device_caps``); opcodes follow from the methods that the driver has.

    Attributes:
        queues: Queues, each with a thread of its own.
        queue_depth: Commands in flight on one queue.
        max_items: Items of a command.
        max_message: Bytes of a message.
        max_bytes: Bytes of all messages of a command.
        max_keys: Keys that are loaded at once.
        version: Of the driver, or of what it drives; at most 63 bytes.
    """

    queues: int = 1
    queue_depth: int = 64
    max_items: int = 1 << 16
    max_message: int = 1 << 24
    max_bytes: int = 1 << 28
    max_keys: int = 1 << 16
    version: str = "1"


class Driver:
    """A device in Python. A subclass has the methods for what it can do, and runs them in the threads of its queues.

    Each method gets a `Command` and returns its results, one after the other; an exception is logged and completes the
    command as ``FAULT``, unless it is `UnsupportedError` or `BadCommandError`. A method may run in several threads at
    once where ``capabilities.queues`` is more than one. After a reset the results of what still ran are thrown away.

    - ``hash_messages(command)``: digests of ``command.messages``, 32 bytes each.
    - ``verify(command)``: a status (`accel.sm2.OK` ...) for each of ``command.signatures``, over ``command.digests``
      (``SM2_VERIFY_DIGEST``) or over ``command.messages`` under ``command.user_id`` (``SM2_VERIFY``).
    - ``merkle_levels(command)``: all nodes above ``command.digests``, the level above the leaves first.
    - ``merkle_root(command)``: the root, as the one item of a sequence.

    Attributes:
        capabilities: The device's limits.
        options: What stood behind the comma of the device's name; "" if nothing did.
    """

    capabilities: ClassVar[Capabilities] = Capabilities()

    def __init__(self, options: str = "") -> None:
        """Open the device. An exception refuses: it is logged, and opening fails."""
        self.options = options
        self._log: Callable[[int, str], None] = _say_nothing
        self._stats: Counter[str] = Counter()
        self._keys: dict[int, bytes] = {}
        self._next_handle = 0
        self._queues: list[Queue] = []

    def log(self, level: LogLevel, message: str) -> None:
        """Give the runtime a line for its log.

        Args:
            level: How much it matters.
            message: The line.
        """
        self._log(level, message)

    def close(self) -> None:
        """Let go of the device: called once, when nothing runs any more."""

    # What the table of functions calls.

    @classmethod
    def _opcodes(cls) -> list[Opcode]:
        return [opcode for name, opcodes in _METHODS.items() if hasattr(cls, name) for opcode in opcodes]

    def _fill(self, caps: Any, name: str) -> None:
        limits = self.capabilities
        _, library = load()
        caps.queues, caps.queue_depth, caps.time_kind = limits.queues, limits.queue_depth, library.ACCEL_TIME_MEASURED
        caps.opcodes = sum(1 << opcode for opcode in self._opcodes())
        caps.flags = CommandFlag.RAGGED | (CommandFlag.HANDLES if limits.max_keys else 0)
        caps.max_items, caps.max_message, caps.max_bytes = limits.max_items, limits.max_message, limits.max_bytes
        caps.max_keys, caps.buffer_alignment, caps.max_buffers = limits.max_keys, 1, 1 << 20
        caps.features = library.ACCEL_DEVICE_HOST_MEMORY
        caps.name, caps.version = name.encode()[:63], limits.version.encode()[:63]

    def _start(self, caps: Any) -> None:
        limits = self.capabilities
        self._caps = caps
        self._queues = [Queue(limits.queue_depth, self._prepare, self._run) for _ in range(limits.queues)]

    def _prepare(self, raw: Any) -> Command | CompletionStatus:
        status = check(raw, self._caps)
        if status != CompletionStatus.DONE:
            return status
        command = copy(raw, self._keys)
        return CompletionStatus.BAD_COMMAND if command is None else command

    def _run(self, command: Command) -> tuple[CompletionStatus, Callable[[Any], None] | None]:
        method = next(name for name, opcodes in _METHODS.items() if command.opcode in opcodes)
        try:
            results = getattr(self, method)(command)
            if command.opcode in VERIFY:
                written = bytes(results)
                expected = command.count
            else:
                written = b"".join(map(bytes, results))
                expected = len(written) if command.opcode in MERKLE else 32 * command.count
            if len(written) != expected:
                self.log(LogLevel.ERROR, f"{method}: expected {expected} bytes of results, got {len(written)}")
                return CompletionStatus.FAULT, None
        except UnsupportedError:
            return CompletionStatus.UNSUPPORTED, None
        except BadCommandError:
            return CompletionStatus.BAD_COMMAND, None
        except Exception:  # whatever a driver's own code raises is a fault of its device, with the traceback in the log
            self.log(LogLevel.ERROR, traceback.format_exc())
            return CompletionStatus.FAULT, None
        return CompletionStatus.DONE, lambda raw: self._write(raw, written)

    def _write(self, raw: Any, results: bytes) -> None:
        ffi, _ = load()
        verify = raw.opcode in VERIFY
        size = raw.count if verify else min(len(results), raw.output_size)
        ffi.memmove(raw.status_out if verify else raw.output, results, size)
        self._stats["commands"] += 1
        kind = "sm2_verify" if verify else "merkle" if raw.opcode in MERKLE else "sm3"
        self._stats[f"items.{kind}"] += raw.count

    def _load(self, keys: Sequence[bytes]) -> list[int] | None:
        if len(self._keys) + len(keys) > self.capabilities.max_keys:
            return None
        handles = list(range(self._next_handle, self._next_handle + len(keys)))
        self._next_handle += len(keys)
        self._keys = {**self._keys, **dict(zip(handles, keys, strict=True))}
        return handles

    def _unload(self, handles: Sequence[int]) -> bool:
        if len(set(handles)) != len(handles) or any(handle not in self._keys for handle in handles):
            return False
        self._keys = {handle: key for handle, key in self._keys.items() if handle not in set(handles)}
        return True

    def _reset(self) -> None:
        for queue in self._queues:
            queue.clear()
        self._keys = {}
        self._stats["resets"] += 1

    def _end(self) -> None:
        for queue in self._queues:
            queue.close()
        self.close()
