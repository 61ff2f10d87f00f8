"""Devices: where batches run, how far they are believed, and streams of calls that nobody waits for.

A device is opened by its name and passes its known-answer tests, or is an error. Several names with ``+`` between them
share each batch by their measured rates. What a device cannot do, or has failed on, runs on the CPU, and what comes
back is checked as the handle's audit says (``docs/devices.md``):

- ``sample``: one answer in `sample_rate`, the first command of each kind and every rejection are computed again on the
  CPU. It finds devices that fail, and certifies no verdict.
- ``hold``: the same, and nothing is delivered before the sample of a window of items is clean.
- ``full``: everything is checked; a wrong verdict is never delivered. For votes and certificates.

Events go to the logger ``accel.device``, with the attributes ``event`` and ``device``.
"""

from __future__ import annotations

import atexit
import logging
import math
import time
import weakref
from collections.abc import Callable, Generator
from enum import Enum
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, TypeAlias

from accel import _native
from accel._calls import native_device, plan_of
from accel._entry_points import add_drivers
from accel.batch import ByteArray
from accel.errors import AccelError, ArgumentError, RequestCancelled

if TYPE_CHECKING:
    import asyncio

__all__ = [
    "Audit",
    "Device",
    "DeviceInfo",
    "DeviceStat",
    "Future",
    "Priority",
    "Stream",
    "TimeKind",
    "devices",
    "open_device",
    "open_devices",
]

Audit: TypeAlias = Literal["sample", "hold", "full"]
Priority: TypeAlias = Literal["vote", "proposal", "transaction"]

# What a call that is done may have ended with, by the status that the native library gave it.
_ENDINGS = (AccelError, MemoryError, OSError)

_AUDITS = {"sample": 1, "hold": 2, "full": 3}
_PRIORITIES = {"vote": 1, "proposal": 2, "transaction": 3}
_FOR_EVER = 2**64 - 1
_SLICE_NS = 200_000_000  # between looks at signals
_LOGGER = logging.getLogger("accel.device")
_OPCODES = {1: "sm3", 2: "sm2_verify_digest", 3: "sm2_verify", 4: "merkle_levels", 5: "merkle_root"}


class TimeKind(Enum):
    """Whose times and rates a device's are."""

    MEASURED = 1
    """Of something that runs."""
    MODEL = 2
    """Those of a model, never to be shown beside measured ones without saying so."""
    RTL_SIM = 3
    """Of simulated RTL."""

    @property
    def label(self) -> str:
        """``measured``, ``model`` or ``rtl-sim``: what stands beside such figures."""
        return self.name.lower().replace("_", "-")


class DeviceInfo(NamedTuple):
    """One of the devices behind a handle."""

    name: str
    """As it was opened."""
    product: str
    """What its driver calls it."""
    version: str
    """Of driver, firmware or bitstream."""
    time_kind: TimeKind
    operations: tuple[str, ...]
    """``sm3``, ``sm2_verify_digest``, ``sm2_verify``, ``merkle_levels``, ``merkle_root``."""
    quarantined: bool
    """Whether it was caught failing, and is not used any more."""


class DeviceStat(NamedTuple):
    """One counter."""

    device: str
    """One device, the whole handle, or ``fallback``: the CPU behind the devices."""
    name: str
    """For example ``items.sm2_verify``; those that begin with ``driver.`` are the driver's own."""
    unit: str
    description: str
    value: int


def devices() -> list[str]:
    """Return the names that `open_device` takes; an upper-case word stands for something to fill in."""
    return _native.device_names().split(",")


def _log(level: int, event: str, device: str, message: str) -> None:
    _LOGGER.log(level, "%s: %s: %s", device, event, message, extra={"event": event, "device": device})


_native.set_log(_log)
_open: weakref.WeakSet[Device] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Close what is open while there is an interpreter for the threads to log to."""
    for device in list(_open):
        device.close()
    _native.set_log(None)


def open_devices() -> list[Device]:
    """Return the devices that are open in this process, in no order."""
    return [device for device in list(_open) if not device.closed]


class Device:
    """An open device. It is a context manager that closes itself; any number of threads may use one.

    It belongs to the process that opened it: in a child after ``os.fork`` its calls raise `accel.DeviceError`.
    """

    __slots__ = ("__weakref__", "_audit", "_name", "_native")

    _native: _native.Device

    def __init__(
        self,
        name: str,
        *,
        audit: Audit = "sample",
        sample_rate: int = 256,
        hold_window: int = 16384,
        queue_depth: int = 1024,
        fallback: bool = True,
        command_timeout: float = 10.0,
    ) -> None:
        """Open it, as `open_device` says."""
        given: object = name
        if not isinstance(given, str):
            raise TypeError(f"name: expected str, got {type(given).__name__}")
        add_drivers(name)
        self._name = name
        self._audit = audit
        self._native = _native.Device(
            name,
            _choice(audit, _AUDITS, "audit"),
            _integer(sample_rate, 1 << 20, "sample_rate"),
            _integer(hold_window, 2**32 - 1, "hold_window"),
            _integer(queue_depth, 1 << 20, "queue_depth"),
            bool(fallback),
            _nanoseconds(command_timeout, "command_timeout"),
        )
        _open.add(self)

    @property
    def name(self) -> str:
        """The name it was opened by."""
        return self._name

    @property
    def audit(self) -> Audit:
        """``sample``, ``hold`` or ``full``."""
        return self._audit

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._native.closed()

    @property
    def infos(self) -> list[DeviceInfo]:
        """The devices behind it, in the order of the name.

        Raises:
            DeviceError: It is closed.
        """
        return [
            DeviceInfo(
                name,
                product,
                version,
                TimeKind(kind),
                tuple(word for code, word in _OPCODES.items() if opcodes >> code & 1),
                quarantined,
            )
            for name, product, version, kind, opcodes, quarantined in _native.device_infos(self._native)
        ]

    def stats(self) -> list[DeviceStat]:
        """Return all counters: of the handle, of each device and its driver, of the CPU behind them.

        Raises:
            DeviceError: It is closed.
        """
        return [DeviceStat(*stat) for stat in _native.device_stats(self._native)]

    def stream(self, depth: int = 8) -> Stream:
        """Return a stream of at most `depth` calls on their way at once.

        Raises:
            DeviceError: It is closed.
        """
        return Stream(self, depth=depth)

    def close(self) -> None:
        """Finish what is on its way, then close the device. Futures stay; nothing new is taken."""
        self._native.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Device {self._name!r}, audit {self._audit!r}{', closed' if self.closed else ''}>"


def open_device(
    name: str,
    *,
    audit: Audit = "sample",
    sample_rate: int = 256,
    hold_window: int = 16384,
    queue_depth: int = 1024,
    fallback: bool = True,
    command_timeout: float = 10.0,
) -> Device:
    """Open a device, and return it once its known-answer tests have passed.

    Args:
        name: One of `devices`, or several with ``+`` between them.
        audit: ``sample``, ``hold`` or ``full``: see the head of this module.
        sample_rate: One answer in so many is computed again, under ``sample`` and ``hold``; 1 to 2^20.
        hold_window: Items whose sample must be clean before any of them is delivered, under ``hold``.
        queue_depth: Calls on their way at once; 1 to 2^20.
        fallback: Whether the CPU does what no device can; otherwise that is a `accel.DeviceError`.
        command_timeout: Seconds after which a device is taken to have lost a command, and is reset.

    Raises:
        TypeError: An argument has another type.
        ArgumentError: An argument has another value.
        DeviceError: There is no such device, or it does not work; the sentence says which.
        ImportError: It is a driver in Python, found by its entry point, and cffi is not there (extra ``drivers``).
    """
    return Device(
        name,
        audit=audit,
        sample_rate=sample_rate,
        hold_window=hold_window,
        queue_depth=queue_depth,
        fallback=fallback,
        command_timeout=command_timeout,
    )


class Stream:
    """Calls that are submitted and awaited later, at most `depth` of them on their way at once.

    A context manager: at its end it waits for what is on its way. Any number of threads may use one.

    Args:
        device: Where they run; None: what ``ACCEL_DEVICE`` names, or the CPU.
        depth: 1 to 2^20.

    Raises:
        TypeError: An argument has another type.
        ArgumentError: `depth` is out of range.
        DeviceError: The device is closed.
    """

    __slots__ = ("_native",)

    def __init__(self, device: Device | None = None, *, depth: int = 8) -> None:
        self._native = _native.Stream(native_device(device), _integer(depth, 1 << 20, "depth"))

    def submit(
        self,
        function: Callable[..., ByteArray],
        /,
        *args: Any,
        priority: Priority = "transaction",
        deadline: float | None = None,
        blocking: bool = True,
        **kwargs: Any,
    ) -> Future:
        """Submit ``function(*args, **kwargs)`` and return its future.

        Arrays that are passed must not change before it is done; they are kept until then.

        Args:
            function: `accel.sm3.hash_many`, `accel.sm2.verify_many`, `accel.sm2.verify_digest_many` or
                `accel.merkle.leaf_hashes`.
            args: Its arguments, without ``device=``.
            priority: Votes go before proposals, proposals before transactions.
            deadline: Seconds from now after which the answer is not wanted any more (`accel.TimedOutError`); None:
                none.
            blocking: Whether to wait while the stream or the device is full; otherwise that is an
                `accel.QueueFullError`.
            kwargs: Its keyword arguments.

        Raises:
            TypeError: The function cannot be submitted, or what it raises for its arguments.
            ArgumentError: What it raises for its arguments; `priority` or `deadline` has another value.
            QueueFullError: `blocking` is false, and as many calls are on their way as fit.
            DeviceError: The stream or its device is closed.
        """
        call = plan_of(function)(*args, **kwargs)
        left = 0 if deadline is None else max(1, _nanoseconds(deadline, "deadline"))
        options = _native.SubmitOptions(_choice(priority, _PRIORITIES, "priority"), bool(blocking), left)
        return Future(call.submit(self._native, options, *call.arguments), call.result, call.finish)

    def close(self) -> None:
        """Wait for what is on its way, and take nothing new. Futures stay."""
        self._native.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class Future:
    """The answer to a call that was submitted, from `Stream.submit`. One that is dropped is cancelled.

    Wait with `result`, or ``await`` it in asyncio (an event loop that watches file descriptors).
    """

    __slots__ = ("_finish", "_native", "_result")

    def __init__(
        self, native: _native.Future, result: ByteArray, finish: Callable[[ByteArray], ByteArray] | None
    ) -> None:
        """Take what `Stream.submit` made."""
        self._native = native
        self._result = result
        self._finish = finish

    def done(self) -> bool:
        """Return whether it is done: with an answer, an error, or cancelled."""
        try:
            return self._native.wait(0)
        except _ENDINGS:
            return True

    def cancelled(self) -> bool:
        """Return whether it was cancelled."""
        try:
            self._native.wait(0)
        except RequestCancelled:
            return True
        except _ENDINGS:
            return False
        return False

    def cancel(self) -> bool:
        """End it, unless it is done: then return False. Its arrays are not touched any more when this returns."""
        return self._native.cancel()

    def result(self, timeout: float | None = None) -> ByteArray:
        """Wait, and return what the function would have returned.

        Args:
            timeout: Seconds; None: as long as it takes.

        Raises:
            TimeoutError: It is not done by then; it goes on.
            TimedOutError: Its deadline has passed.
            RequestCancelled: It was cancelled.
            DeviceError: No device that works could do it, and there is no fallback.
        """
        if not self._wait(timeout):
            raise TimeoutError(f"future: not done within {timeout} s")
        if self._finish is not None:
            self._result = self._finish(self._result)
            self._finish = None
        return self._result

    def exception(self, timeout: float | None = None) -> Exception | None:
        """Wait, and return what `result` would raise, or None.

        Args:
            timeout: As in `result`.

        Raises:
            TimeoutError: It is not done by then; it goes on.
        """
        try:
            done = self._wait(timeout)
        except ArgumentError:  # the timeout's
            raise
        except Exception as error:
            return error
        if not done:
            raise TimeoutError(f"future: not done within {timeout} s")
        return None

    def _wait(self, timeout: float | None) -> bool:
        left = _FOR_EVER if timeout is None else _nanoseconds(timeout, "timeout", least=0.0)
        until = time.monotonic_ns() + left
        while True:
            if self._native.wait(min(left, _SLICE_NS)):
                return True
            left = until - time.monotonic_ns()
            if left <= 0:
                return self._native.wait(0)

    def __await__(self) -> Generator[Any, None, ByteArray]:
        """Wait in asyncio, and return what `result` returns. Cancelling the task cancels the call.

        Raises:
            TimedOutError: Its deadline has passed.
            RequestCancelled: `cancel` was called.
            DeviceError: No device that works could do it, and there is no fallback.
        """
        import asyncio  # noqa: PLC0415  takes long to load, and only who awaits has need of it

        if not self.done():
            yield from self._watch(asyncio.get_running_loop()).__await__()
        return self.result(0)

    async def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        import asyncio  # noqa: PLC0415  see __await__

        waiter = loop.create_future()
        descriptor = self._native.descriptor()

        def wake() -> None:
            if not waiter.done():
                waiter.set_result(None)

        loop.add_reader(descriptor, wake)
        try:
            await waiter
        except asyncio.CancelledError:
            self.cancel()
            raise
        finally:
            loop.remove_reader(descriptor)

    def __repr__(self) -> str:
        state = "cancelled" if self.cancelled() else "done" if self.done() else "pending"
        return f"<Future, {state}>"


def _choice(value: object, choices: dict[str, int], name: str) -> int:
    if isinstance(value, str) and value in choices:
        return choices[value]
    raise ArgumentError(f"{name}: expected {', '.join(map(repr, choices))}, got {value!r}")


def _integer(value: object, most: int, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name}: expected an integer from 1 to {most}, got {type(value).__name__}")
    if not 1 <= value <= most:
        raise ArgumentError(f"{name}: expected an integer from 1 to {most}, got {value}")
    return value


def _nanoseconds(seconds: object, name: str, *, least: float = 1e-9) -> int:
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        raise TypeError(f"{name}: expected seconds, got {type(seconds).__name__}")
    if math.isnan(seconds) or seconds < least:
        wanted = "seconds from 0 on" if least == 0.0 else "seconds above 0"
        raise ArgumentError(f"{name}: expected {wanted}, got {seconds}")
    return int(min(seconds * 1e9, 2**62))
