"""A device as its driver's table shows it: the suite sees exactly the contract, and nothing of the runtime."""

from __future__ import annotations

import mmap
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from accel.driver import resolve
from accel.driver._contract import abi_version, load
from accel.driver._work import MERKLE, VERIFY
from accel.errors import DeviceError
from accel.validate._work import Answer, Work

_GUARD = 64  # bytes of poison around everything that a command names
_POISON = 0xA5
_CALL_SECONDS = 6.0  # for functions that the contract gives five seconds
_SHORT_SECONDS = 1.0  # for those that it gives a millisecond: a busy machine is no fault


class CheckFailed(Exception):  # noqa: N818 - a verdict, not an error of this program
    """A device broke the contract, or gave a wrong answer.

    Attributes:
        work: The command that shows it, if one does.
    """

    def __init__(self, sentence: str, work: Work | None = None) -> None:
        super().__init__(sentence)
        self.work = work


@dataclass
class Placed:
    """A command in registered memory."""

    work: Work
    raw: Any
    status_at: int = 0
    output_at: int = 0
    points_at: int = 0


class Arena:
    """Memory that is registered with a device, given out piece by piece with poison between."""

    def __init__(self, ffi: Any, size: int, alignment: int) -> None:
        self._map = mmap.mmap(-1, size + alignment)
        self.view = memoryview(self._map)
        start = int(ffi.cast("uintptr_t", ffi.from_buffer(self._map)))
        self._skip = -start % alignment
        self.address, self.size = start + self._skip, size
        self.clear()

    def clear(self) -> None:
        """Forget what was given out, and poison everything that was."""
        end = self._skip + getattr(self, "_used", self.size)
        self.view[self._skip : end] = bytes([_POISON]) * (end - self._skip)
        self._used = _GUARD
        self._pieces: list[tuple[int, int]] = []

    def put(self, data: bytes, *, writable: bool = False) -> int:
        """Copy `data` in; returns its address. What is not `writable` must still be there afterwards."""
        at = self._used
        end = at + len(data)
        if end + _GUARD > self.size:
            raise MemoryError("the suite's memory is full")
        self.view[self._skip + at : self._skip + end] = data
        if writable:
            self._pieces.append((at, end))
        self._used = (end + _GUARD + 63) // 64 * 64
        return self.address + at

    def read(self, address: int, size: int) -> bytes:
        """What stands there now."""
        at = self._skip + address - self.address
        return bytes(self.view[at : at + size])

    def snapshot(self) -> bytes:
        """Everything that a device must not change: all but the pieces for output."""
        kept, at = [], 0
        for begin, end in sorted(self._pieces):
            kept.append(self.view[self._skip + at : self._skip + begin])
            at = end
        kept.append(self.view[self._skip + at : self._skip + self._used])
        return b"".join(kept)


class Device:
    """An open device. Every function has a limit of time; `busy` tells a watcher what runs, and since when."""

    def __init__(self, name: str, arena_bytes: int, seconds: float) -> None:
        """Find the driver.

        Raises:
            DeviceError: There is no such device, or its driver is none.
        """
        self.ffi, self.library = load()
        self.name, self.seconds, self._arena_bytes = name, seconds, arena_bytes
        self.log: list[str] = []
        self.busy: tuple[str, float] | None = None  # what runs, and the moment by which it has to end
        self._device: Any = None
        resolve(name)
        handle, driver, options = (self.ffi.new(kind) for kind in
                                   ("accel_driver_handle**", "accel_driver**", "char**"))  # fmt: skip
        if self.library.accel_driver_find(handle, driver, options, name.encode()) != 1:
            raise DeviceError(self.ffi.string(self.library.accel_last_error()).decode())
        self._handle, self.driver, self._options = handle[0], driver[0], options[0]
        self._log_callback = self.ffi.callback("void(void*, int32_t, const char*)", self._take_log)
        self._host = self.ffi.new("accel_driver_host*")
        self._host.struct_size, self._host.abi_version = self.ffi.sizeof("accel_driver_host"), abi_version()
        self._host.log = self._log_callback
        self.caps = self.ffi.new("accel_device_caps*")
        self.arena: Arena

    def _take_log(self, _context: Any, level: int, message: Any) -> None:
        if level >= self.library.ACCEL_LOG_WARNING and len(self.log) < 20:
            self.log.append(self.ffi.string(message).decode(errors="replace"))

    @contextmanager
    def _within(self, what: str, seconds: float) -> Iterator[None]:
        begin = time.monotonic()
        self.busy = (what, begin + seconds)
        try:
            yield
        finally:
            self.busy = None
        if time.monotonic() - begin > seconds:
            raise CheckFailed(f"{what} took {time.monotonic() - begin:.1f} s, expected at most {seconds:.1f} s")

    def call(self, function: str, *arguments: Any, seconds: float = _SHORT_SECONDS) -> int:
        """One function of the table."""
        with self._within(function, seconds):
            return int(getattr(self.driver, function)(*arguments))

    def open(self) -> None:
        """Open the device, ask for its capabilities, register the suite's memory."""
        device_out = self.ffi.new("accel_driver_device**")
        if self.driver.probe and (status := self.call("probe", self._options, seconds=_CALL_SECONDS)) != 0:
            raise CheckFailed(f"probe gave {status}, expected 0{self._logged()}")
        status = self.call("open", self._options, self._host, device_out, seconds=_CALL_SECONDS)
        if status != 0:
            raise CheckFailed(f"open gave {status}, expected 0{self._logged()}")
        self._device = device_out[0]
        self.caps.struct_size = self.ffi.sizeof("accel_device_caps")
        if (status := self.call("caps", self._device, self.caps)) != 0:
            raise CheckFailed(f"caps gave {status}, expected 0")
        if not hasattr(self, "arena"):
            alignment = max(self.caps.buffer_alignment, 64)
            self.arena = Arena(self.ffi, (self._arena_bytes + alignment - 1) // alignment * alignment, alignment)
        self.register()

    def _logged(self) -> str:
        return f"; its driver says: {self.log[-1]}" if self.log else ""

    def register(self) -> None:
        """Register the suite's memory."""
        address = self.ffi.cast("void*", self.arena.address)
        if (status := self.call("register_buffer", self._device, address, self.arena.size)) != 0:
            raise CheckFailed(f"register_buffer of {self.arena.size} bytes gave {status}, expected 0")

    @property
    def is_open(self) -> bool:
        """Whether there is a device to call."""
        return self._device is not None

    def supports(self, opcode: int, flags: int = 0) -> bool:
        """Whether the device claims this."""
        return bool(self.caps.opcodes >> opcode & 1) and not flags & ~self.caps.flags

    def reset(self) -> None:
        """Reset, and register the memory again."""
        if (status := self.call("reset", self._device, seconds=_CALL_SECONDS)) != 0:
            raise CheckFailed(f"reset gave {status}, expected 0")

    def close(self) -> None:
        """Close the device; without effect when it is not open."""
        device, self._device = self._device, None
        if device is not None:
            with self._within("close", _CALL_SECONDS):
                self.driver.close(device)

    def stats(self) -> dict[str, int]:
        """The device's figures."""
        rows = self.ffi.new("accel_driver_stat[]", 256)
        known = self.call("stats", self._device, rows, 256)
        if known < 0:
            raise CheckFailed(f"stats gave {known}, expected how many there are")
        return {self.ffi.string(row.name).decode(): row.value for row in rows[0 : min(known, 256)]}

    # keys

    def load_keys(self, keys: bytes, stride: int = 64) -> list[int]:
        """Handles of keys, 64 bytes each."""
        count = (len(keys) - 64) // stride + 1 if stride else 1
        handles = self.ffi.new("uint32_t[]", count)
        data = self.ffi.from_buffer("uint8_t[]", keys)
        status = self.call("load_keys", self._device, data, stride, count, handles, seconds=_CALL_SECONDS)
        if status != 0:
            raise CheckFailed(f"load_keys of {count} keys gave {status}, expected 0")
        return list(handles)

    def unload_keys(self, handles: Sequence[int]) -> int:
        """What unload_keys gives."""
        return self.call("unload_keys", self._device, self.ffi.new("uint32_t[]", list(handles)), len(handles))

    # commands

    def place(self, work: Work, tag: int, handles: Sequence[int] = ()) -> Placed:
        """Put a command's arrays into registered memory."""
        ffi, arena = self.ffi, self.arena
        raw = ffi.new("accel_command*")
        raw.struct_size, raw.opcode, raw.flags = ffi.sizeof("accel_command"), work.opcode, work.flags
        raw.tag, raw.count = tag, work.count

        def put(data: bytes, kind: str = "uint8_t*") -> Any:
            return ffi.cast(kind, arena.put(data)) if data else ffi.NULL

        raw.messages, raw.messages_stride, raw.message_length = put(work.messages), work.stride, work.length
        if work.offsets:
            raw.offsets = put(bytes(ffi.buffer(ffi.new("uint64_t[]", list(work.offsets)))), "uint64_t*")
        raw.signatures, raw.digests = put(work.signatures), put(work.digests)
        raw.signatures_stride = work.signatures_stride if work.signatures else 0
        raw.digests_stride = work.digests_stride if work.digests else 0
        if work.load_keys:
            named = [handles[i] for i in work.handles]
            raw.key_handles = put(bytes(ffi.buffer(ffi.new("uint32_t[]", named))), "uint32_t*")
        elif work.keys:
            raw.keys, raw.keys_stride = put(work.keys), work.keys_stride
        if work.opcode == self.library.ACCEL_OP_SM2_VERIFY:
            raw.id, raw.id_length = put(work.user_id or b""), work.id_length
        raw.rule = work.rule
        return self._place_outputs(Placed(work, raw))

    def _place_outputs(self, placed: Placed) -> Placed:
        ffi, work, raw = self.ffi, placed.work, placed.raw
        if work.opcode in VERIFY:
            placed.status_at = self.arena.put(bytes(work.count), writable=True)  # NOT_CHECKED
            raw.status_out = ffi.cast("uint8_t*", placed.status_at)
            if work.points:
                placed.points_at = self.arena.put(bytes(64 * work.count), writable=True)
                raw.points_out = ffi.cast("uint8_t*", placed.points_at)
        elif work.opcode in MERKLE or work.output:
            size = work.output_size
            placed.output_at = self.arena.put(bytes([_POISON]) * size, writable=True)
            raw.output, raw.output_size = ffi.cast("uint8_t*", placed.output_at), size
        return placed

    def enqueue(self, raws: Sequence[Any], queue: int = 0) -> int:
        """How many were taken."""
        commands = self.ffi.new("accel_command[]", len(raws))
        for i, raw in enumerate(raws):
            commands[i] = raw[0]
        taken = self.call("enqueue_burst", self._device, queue, commands, len(raws))
        if not 0 <= taken <= len(raws):
            raise CheckFailed(f"enqueue_burst of {len(raws)} commands gave {taken}{self._logged()}")
        return taken

    def dequeue(self, queue: int = 0, count: int = 32) -> list[Any]:
        """Completions that are there."""
        completions = self.ffi.new("accel_completion[]", count)
        given = self.call("dequeue_burst", self._device, queue, completions, count)
        if not 0 <= given <= count:
            raise CheckFailed(f"dequeue_burst of {count} completions gave {given}{self._logged()}")
        return [self.ffi.new("accel_completion*", completions[i]) for i in range(given)]

    def wait(self, seconds: float, queue: int = 0) -> int:
        """What wait gives."""
        limit = seconds + _SHORT_SECONDS
        answer = self.call("wait", self._device, queue, int(seconds * 1e9), seconds=limit)
        if answer not in (0, 1):
            raise CheckFailed(f"wait gave {answer}, expected 0 or 1{self._logged()}")
        return answer

    def descriptor(self, queue: int = 0) -> int | None:
        """The descriptor to poll; None where there is none."""
        if not self.driver.descriptor:
            return None
        descriptor = self.call("descriptor", self._device, queue)
        return descriptor if descriptor >= 0 else None

    def cancel(self, tag: int, queue: int = 0) -> int:
        """What cancel gives; 0 where there is none."""
        return self.call("cancel", self._device, queue, tag) if self.driver.cancel else 0

    def collect(self, count: int, queue: int = 0, seconds: float | None = None) -> list[Any]:
        """`count` completions, or as many as come within the deadline."""
        end = time.monotonic() + (self.seconds if seconds is None else seconds)
        found: list[Any] = []
        while len(found) < count and (left := end - time.monotonic()) > 0:
            if self.wait(left, queue):
                found += self.dequeue(queue)
        return found

    def answer(self, placed: Placed, completion: Any) -> Answer:
        """What a completion says, with what stands in the command's memory."""
        work, read = placed.work, self.arena.read
        return Answer(
            completion.tag,
            completion.count,
            completion.opcode,
            completion.status,
            read(placed.status_at, work.count) if placed.status_at else b"",
            read(placed.output_at, work.output_size) if placed.output_at else b"",
            read(placed.points_at, 64 * work.count) if placed.points_at else b"",
        )


Progress = Callable[[str, int, int], None]
