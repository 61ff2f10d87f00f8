"""The table of functions that makes a Python class a driver of ``accel/driver.h``."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from accel.driver import _contract
from accel.driver._driver import Driver
from accel.driver._queue import Queue
from accel.driver._work import LogLevel

_COUNTERS = (
    ("commands", "commands", "Commands completed."),
    ("items.sm3", "items", "Messages hashed."),
    ("items.sm2_verify", "items", "Signatures verified."),
    ("items.merkle", "items", "Leaves of Merkle trees."),
    ("resets", "resets", "Resets of the device."),
)


class Table:
    """An ``accel_driver`` for a class; keeps everything alive that the struct points to."""

    def __init__(self, name: str, driver: type[Driver]) -> None:
        """Fill the struct."""
        self.ffi, self.library = _contract.load()
        self._name, self._driver = name, driver
        self._text = {text: self.ffi.new("char[]", text.encode()) for row in _COUNTERS for text in row}
        self._text[name] = self.ffi.new("char[]", name.encode())
        self._devices: dict[int, Driver] = {}
        self._next = 1
        self.struct = self.ffi.new("accel_driver*")
        self.struct.abi_version = _contract.abi_version()
        self.struct.struct_size = self.ffi.sizeof("accel_driver")
        self.struct.name = self._text[name]
        self._callbacks = [self._callback(field) for field in (
            "open", "caps", "register_buffer", "unregister_buffer", "load_keys", "unload_keys", "enqueue_burst",
            "dequeue_burst", "wait", "descriptor", "cancel", "stats", "reset", "close",
        )]  # fmt: skip

    def _callback(self, field: str) -> Any:
        """A C function for the method of that name; what it raises is a fault of the device."""
        method: Callable[..., Any] = getattr(self, f"_on_{field}")
        kind = dict(self.ffi.typeof("accel_driver").fields)[field].type
        failed = None if field == "close" else self.library.ACCEL_DRIVER_FAULT
        callback = self.ffi.callback(kind, method, error=failed, onerror=lambda *_: traceback.print_exc())
        setattr(self.struct, field, callback)
        return callback

    def _of(self, device: Any) -> Driver:
        return self._devices[int(self.ffi.cast("uintptr_t", device))]

    def _on_open(self, name: Any, host: Any, device_out: Any) -> int:
        def log(level: int, message: str) -> None:
            if host and host.log:
                host.log(host.context, level, self.ffi.new("char[]", message.encode()))

        try:
            driver = self._driver(self.ffi.string(name).decode())
            driver._log = log
            caps = self.ffi.new("accel_device_caps*")
            driver._fill(caps, self._name)
            driver._start(caps)
        except Exception:  # whatever a driver's own code raises: no device, with the traceback in the log
            log(LogLevel.ERROR, traceback.format_exc())
            return int(self.library.ACCEL_DRIVER_NO_DEVICE)
        number, self._next = self._next, self._next + 1
        self._devices[number] = driver
        device_out[0] = self.ffi.cast("accel_driver_device*", number)
        return 0

    def _on_caps(self, device: Any, caps: Any) -> int:
        size = caps.struct_size
        filled = self.ffi.new("accel_device_caps*")
        self._of(device)._fill(filled, self._name)
        filled.struct_size = size
        self.ffi.memmove(caps, filled, min(size, self.ffi.sizeof("accel_device_caps")))
        return 0

    # All memory of the process can be reached as it is.
    def _on_register_buffer(self, _device: Any, _address: Any, _size: int) -> int:
        return 0

    def _on_unregister_buffer(self, _device: Any, _address: Any) -> int:
        return 0

    def _on_load_keys(self, device: Any, keys: Any, stride: int, count: int, handles_out: Any) -> int:
        start = int(self.ffi.cast("uintptr_t", keys))
        rows = [bytes(self.ffi.buffer(self.ffi.cast("char*", start + i * stride), 64)) for i in range(count)]
        handles = self._of(device)._load(rows)
        if handles is None:
            return int(self.library.ACCEL_DRIVER_NO_MEMORY)
        handles_out[0:count] = handles
        return 0

    def _on_unload_keys(self, device: Any, handles: Any, count: int) -> int:
        done = self._of(device)._unload(list(handles[0:count]))
        return 0 if done else int(self.library.ACCEL_DRIVER_BAD_ARGUMENT)

    def _queue(self, device: Any, queue: int) -> Queue | None:
        queues = self._of(device)._queues
        return queues[queue] if queue < len(queues) else None

    def _on_enqueue_burst(self, device: Any, index: int, commands: Any, count: int) -> int:
        queue = self._queue(device, index)
        if queue is None or (count and commands.struct_size < self.ffi.offsetof("accel_command", "messages")):
            return int(self.library.ACCEL_DRIVER_BAD_ARGUMENT)
        taken, start = [], int(self.ffi.cast("uintptr_t", commands))
        for i in range(count):
            raw = self.ffi.new("accel_command*")
            size = commands.struct_size
            at = self.ffi.cast("char*", start + i * size)
            self.ffi.memmove(raw, at, min(size, self.ffi.sizeof("accel_command")))
            taken.append(raw)
        return queue.enqueue(taken)

    def _on_dequeue_burst(self, device: Any, index: int, completions: Any, count: int) -> int:
        queue = self._queue(device, index)
        return int(self.library.ACCEL_DRIVER_BAD_ARGUMENT) if queue is None else queue.dequeue(completions, count)

    def _on_wait(self, device: Any, index: int, timeout_ns: int) -> int:
        queue = self._queue(device, index)
        return int(self.library.ACCEL_DRIVER_BAD_ARGUMENT) if queue is None else queue.wait(timeout_ns)

    def _on_descriptor(self, device: Any, index: int) -> int:
        queue = self._queue(device, index)
        return int(self.library.ACCEL_DRIVER_BAD_ARGUMENT) if queue is None else queue.descriptor

    def _on_cancel(self, device: Any, index: int, tag: int) -> int:
        queue = self._queue(device, index)
        return int(self.library.ACCEL_DRIVER_BAD_ARGUMENT) if queue is None else queue.cancel(tag)

    def _on_stats(self, device: Any, out: Any, count: int) -> int:
        counted = self._of(device)._stats
        for i, row in enumerate(_COUNTERS[:count]):
            out[i].name, out[i].unit, out[i].description = (self._text[text] for text in row)
            out[i].value = counted[row[0]]
        return len(_COUNTERS)

    def _on_reset(self, device: Any) -> int:
        self._of(device)._reset()
        return 0

    def _on_close(self, device: Any) -> None:
        self._devices.pop(int(self.ffi.cast("uintptr_t", device)))._end()
