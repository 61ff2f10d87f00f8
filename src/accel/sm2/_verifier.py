"""Verifying one signature at a time, gathered into batches."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias, Union

import numpy as np

from accel import _native
from accel._calls import native_device
from accel.errors import (
    AccelError,
    ArgumentError,
    ClosedError,
    DeviceError,
    InvalidSignature,
    QueueFullError,
    TimedOutError,
)
from accel.sm2 import _common
from accel.sm2._common import LEFT_OUT, OK, STATUS_NAMES, Encoding, OptionalId, SignatureLengthError
from accel.sm2._keys import PublicKey
from accel.sm2._verify import RingKeys, _check_ring_id

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from typing_extensions import Buffer

    from accel.device import Device

Priority: TypeAlias = Literal["vote", "proposal", "transaction"]
SingleKey: TypeAlias = Union[PublicKey, "Buffer", RingKeys]

_PRIORITIES = {"vote": 1, "proposal": 2, "transaction": 3}
_NO_TIMEOUT = _NO_LINGER = (1 << 64) - 1
_MAX_CAPACITY = 1 << 20
_DEFAULT_CAPACITY = 4096
_ADMISSION_SECONDS = 0.001  # how often an event loop asks for room that no answer of its own announces

# Key, ring, index, signature, digest, message, ID, priority: what the native calls take, but for the timeout.
_Question: TypeAlias = tuple[
    Union["Buffer", None],
    _native.Sm2KeyRing | None,
    int,
    "Buffer",
    Union["Buffer", None],
    Union["Buffer", None],
    bytes | None,
    int,
]


class PriorityWaits(NamedTuple):
    """How long signatures of one priority waited to be taken into a batch."""

    taken: int
    """Signatures that were taken into a batch."""
    wait_seconds: float
    """Their waits together."""
    longest_wait_seconds: float
    """The longest one."""


class VerifierStats(NamedTuple):
    """What a `Verifier` has done."""

    batches: int
    """Batches that ran."""
    items: int
    """Signatures in them."""
    waiting: int
    """Signatures that wait now."""
    refused: int
    """Signatures that found their queue full and were refused; in an event loop, also those that then waited."""
    timed_out: int
    """Signatures whose time was over before a batch took them."""
    waits: dict[str, PriorityWaits]
    """Waits of ``vote``, ``proposal`` and ``transaction``."""

    @property
    def mean_lanes(self) -> float:
        """Mean number of signatures in a batch; 0 before the first one."""
        return self.items / self.batches if self.batches else 0.0


def _timeout_ns(timeout: float | None) -> int:
    """Return seconds as the native library takes them."""
    if timeout is None:
        return _NO_TIMEOUT
    if not isinstance(timeout, int | float) or isinstance(timeout, bool):
        raise TypeError(f"timeout: expected seconds or None, got {type(timeout).__name__}")
    if not timeout >= 0:
        raise ArgumentError(f"timeout: expected seconds from 0 on, or None, got {timeout}")
    return _NO_TIMEOUT if math.isinf(timeout) else min(round(timeout * 1e9), _NO_TIMEOUT)


def _count(value: int | None, least: int, most: int, name: str) -> int:
    """Return a number of things, 0 for the default."""
    if value is None:
        return 0
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise TypeError(f"{name}: expected an integer or None, got {type(value).__name__}")
    if not least <= value <= most:
        raise ArgumentError(f"{name}: expected {least} to {most}, got {value}")
    return int(value)


def _timed_out() -> TimedOutError:
    return TimedOutError("timeout: no batch took the signature in time")


def _failure(status: int) -> AccelError:
    """Return the exception for a status of an answer."""
    if status in STATUS_NAMES:
        return InvalidSignature(f"the signature is not valid: {STATUS_NAMES[status]}")
    name = _native.status_name(status)
    if name == "TIMED_OUT":
        return _timed_out()
    if name == "CLOSED":
        return ClosedError("verifier: is closed")
    if name == "BAD_DEVICE":
        return DeviceError("verifier: its device is closed, or has failed and there is no fallback")
    return AccelError(f"the signature was not checked: {name}")


def _copied(question: _Question) -> _Question:
    """Return the same with bytes that nobody changes."""
    key, ring, index, signature, digest, message, identity, priority = question

    def copy(value: Buffer | None, name: str) -> bytes | None:
        return None if value is None else bytes(_common.byte_view(value, name))

    copied_signature = bytes(_common.byte_view(signature, "signature"))
    return (
        copy(key, "key"),
        ring,
        index,
        copied_signature,
        copy(digest, "digest"),
        copy(message, "message"),
        identity,
        priority,
    )


# What waits for room in an event loop: until when, by the loop's clock.
_Blocked: TypeAlias = tuple["asyncio.Future[None]", _Question, float | None]


class _LoopQueue:
    """The answers for one event loop: one wake-up for all that have come."""

    def __init__(self, verifier: _native.Sm2Verifier, loop: asyncio.AbstractEventLoop, capacity: int) -> None:
        self.loop = loop
        # Room for each priority, and for answers that the loop has not fetched yet.
        self._queue = verifier.queue(min((len(_PRIORITIES) + 1) * capacity, _MAX_CAPACITY))
        self._blocked: list[deque[_Blocked]] = [deque() for _ in _PRIORITIES]
        self._asks_again = False
        self._descriptor = self._queue.descriptor()
        loop.add_reader(self._descriptor, self._answer)

    def submit(self, question: _Question, timeout: float | None, *, refuse: bool) -> asyncio.Future[None]:
        """Return a future for the verdict; what finds no room waits for it here unless `refuse`."""
        timeout_ns = _timeout_ns(timeout)
        future = self.loop.create_future()
        blocked = self._blocked[question[-1] - 1]
        if blocked or not self._queue.submit(future, *question, timeout_ns):
            if refuse:
                raise QueueFullError("verifier: as many signatures of this priority wait as may")
            deadline = None if timeout is None else self.loop.time() + timeout
            blocked.append((future, _copied(question), deadline))
            self._ask_again()
        return future

    def _answer(self) -> None:
        for future, status in self._queue.poll():
            if future.done():  # its task was cancelled
                continue
            if status == OK:
                future.set_result(None)
            else:
                future.set_exception(_failure(status))
        if any(self._blocked):
            self._admit()

    def _admit(self) -> None:
        """Submit what waits for room, each priority in its order."""
        self._asks_again = False
        for blocked in self._blocked:
            while blocked and self._admit_one(*blocked[0]):
                blocked.popleft()
        self._ask_again()

    def _admit_one(self, future: asyncio.Future[None], question: _Question, deadline: float | None) -> bool:
        """Return whether it waits no longer."""
        if future.done():
            return True
        left = None if deadline is None else deadline - self.loop.time()
        try:
            if left is not None and left <= 0:
                raise _timed_out()
            return self._queue.submit(future, *question, _timeout_ns(left))
        except AccelError as error:
            future.set_exception(error)
            return True

    def _ask_again(self) -> None:
        """Ask for room by the clock if no answer is to come here that would be the occasion."""
        if any(self._blocked) and not self._asks_again and self._queue.under_way() == 0:
            self._asks_again = True
            self.loop.call_later(_ADMISSION_SECONDS, self._admit)

    def detach(self) -> None:
        """Give the last answers, of a verifier that is closed. On the loop's thread."""
        self._answer()
        self._admit()
        self.loop.remove_reader(self._descriptor)


class Verifier:
    """Gathers signatures that come one at a time, from threads and tasks, into batches.

    A batch costs little more for a dozen signatures than for one, so many callers together are served some ten times
    faster than by `PublicKey.verify`. A batch runs as soon as `lanes` signatures wait, or a share of as many as have
    lately been under way at once; otherwise `linger` after the first. A lone caller waits for nobody.

    Any number of threads and event loops may use one verifier. Leave it by ``with``, or `close` it: signatures that
    wait are still verified then. After a fork it begins again in the child, empty.

    Args:
        linger: Seconds (at most 1) that a signature waits for others at most before its batch runs.
        capacity: Signatures of one priority that may wait (1 to 2^20); four times as many of one event loop may be
            under way.
        when_full: ``wait``: for room. ``refuse``: raise `accel.QueueFullError`.
        lanes: Signatures that need not wait for more (1 to 256); None: 16.
        batch: Signatures of a batch at most (`lanes` to 256); None: 64.
        runners: Batches that may run at once, each on one thread (1 to 1,024); None: `accel.num_threads`.
        device: An open `accel.device.Device`, on which batches run: what its answers are worth is told by its
            ``audit``. None: the kernels of the CPU, or the device that ``ACCEL_DEVICE`` names.

    Raises:
        TypeError: An argument has another type.
        ArgumentError: An argument has another value.
        DeviceError: The device is closed, or that of ``ACCEL_DEVICE`` cannot be opened. Once the device has failed and
            there is no fallback, or it is closed, signatures get this error too.
    """

    def __init__(
        self,
        *,
        linger: float = 50e-6,
        capacity: int = _DEFAULT_CAPACITY,
        when_full: Literal["wait", "refuse"] = "wait",
        lanes: int | None = None,
        batch: int | None = None,
        runners: int | None = None,
        device: Device | None = None,
    ) -> None:
        if when_full not in {"wait", "refuse"}:
            raise ArgumentError(f"when_full: expected 'wait' or 'refuse', got {when_full!r}")
        if not isinstance(linger, int | float) or isinstance(linger, bool):
            raise TypeError(f"linger: expected seconds, got {type(linger).__name__}")
        if not 0 <= linger <= 1:
            raise ArgumentError(f"linger: expected 0 to 1 second, got {linger}")
        self._refuse = when_full == "refuse"
        self._capacity = _count(capacity, 1, _MAX_CAPACITY, "capacity") or _DEFAULT_CAPACITY
        self._native = _native.Sm2Verifier(
            self._refuse,
            round(linger * 1e9) or _NO_LINGER,
            self._capacity,
            _count(lanes, 1, 256, "lanes"),
            _count(batch, 1, 256, "batch"),
            _count(runners, 1, 1024, "runners"),
            native_device(device),
        )
        self._queues: dict[asyncio.AbstractEventLoop, _LoopQueue] = {}

    def verify(
        self,
        key: SingleKey,
        signature: Buffer,
        message: Buffer,
        *,
        id: OptionalId = LEFT_OUT,  # noqa: A002 - the standard's name
        encoding: Encoding = "raw",
        priority: Priority = "transaction",
        timeout: float | None = None,
    ) -> None:
        """Verify one signature over a message, from this thread; return only if it is valid.

        Args:
            key: A `PublicKey`, its 64 bytes x ‖ y, or one key of a ring (``ring[i]``; keep it for the next call).
            signature: r ‖ s (64 bytes), or DER with ``encoding="der"``.
            message: Any bytes.
            id: The signer's ID (at most 8,191 bytes), or `NO_ZA`; left out: `DEFAULT_ID`, or the ring's own.
            encoding: ``raw`` or ``der``.
            priority: ``vote``, ``proposal`` or ``transaction``: votes are served first.
            timeout: Seconds to wait for room and for a batch; None: as long as it takes. A signature that a batch has
                taken gets its verdict.

        Raises:
            InvalidSignature: The signature is not valid, malformed, or (`SignatureLengthError`) not 64 bytes long; or
                the key is no point of the curve.
            TimedOutError: The time was over, and nothing was checked.
            QueueFullError: There is no room, and the verifier does not wait for any.
            ClosedError: The verifier is closed.
            TypeError: An argument has another type.
            ArgumentError: An argument has another length or value.
        """
        question = self._question(key, signature, None, message, id, encoding, priority)
        self._require_ok(self._native.verify(*question, _timeout_ns(timeout)))

    def verify_digest(
        self,
        key: SingleKey,
        signature: Buffer,
        digest: Buffer,
        *,
        encoding: Encoding = "raw",
        priority: Priority = "transaction",
        timeout: float | None = None,
    ) -> None:
        """Verify one signature over a digest e (see `digest_many`), from this thread; return only if it is valid.

        Args:
            key: As in `verify`. A ring's ID plays no part.
            signature: r ‖ s (64 bytes), or DER with ``encoding="der"``.
            digest: 32 bytes; any value is valid.
            encoding: ``raw`` or ``der``.
            priority: As in `verify`.
            timeout: As in `verify`.

        Raises:
            InvalidSignature: As from `verify`, and so are all others.
        """
        question = self._question(key, signature, digest, None, LEFT_OUT, encoding, priority)
        self._require_ok(self._native.verify(*question, _timeout_ns(timeout)))

    def verify_async(
        self,
        key: SingleKey,
        signature: Buffer,
        message: Buffer,
        *,
        id: OptionalId = LEFT_OUT,  # noqa: A002 - the standard's name
        encoding: Encoding = "raw",
        priority: Priority = "transaction",
        timeout: float | None = None,
    ) -> asyncio.Future[None]:
        """Verify one signature over a message, from a coroutine: ``await verifier.verify_async(…)``.

        The bytes are copied. A future that is cancelled gives no verdict; the work is done all the same.

        Args:
            key: As in `verify`.
            signature: r ‖ s (64 bytes), or DER with ``encoding="der"``.
            message: Any bytes.
            id: As in `verify`.
            encoding: ``raw`` or ``der``.
            priority: As in `verify`.
            timeout: As in `verify`.

        Returns:
            A future of the running event loop: done with None if the signature is valid, otherwise with
            `accel.InvalidSignature`, `accel.TimedOutError`, `accel.DeviceError` or `accel.ClosedError`. The loop is
            woken once for all that a batch brings.

        Raises:
            RuntimeError: No event loop is running.
            QueueFullError: There is no room, and the verifier does not wait for any. Otherwise the future does.
            ClosedError: The verifier is closed.
            TypeError: An argument has another type.
            ArgumentError: An argument has another length or value.
        """
        loop = asyncio.get_running_loop()
        try:
            question = self._question(key, signature, None, message, id, encoding, priority)
        except InvalidSignature as error:
            return _failed(loop, error)
        return self._loop_queue(loop).submit(question, timeout, refuse=self._refuse)

    def verify_digest_async(
        self,
        key: SingleKey,
        signature: Buffer,
        digest: Buffer,
        *,
        encoding: Encoding = "raw",
        priority: Priority = "transaction",
        timeout: float | None = None,
    ) -> asyncio.Future[None]:
        """Verify one signature over a digest e (see `digest_many`), from a coroutine.

        Args:
            key: As in `verify`. A ring's ID plays no part.
            signature: r ‖ s (64 bytes), or DER with ``encoding="der"``.
            digest: 32 bytes; any value is valid.
            encoding: ``raw`` or ``der``.
            priority: As in `verify`.
            timeout: As in `verify`.

        Returns:
            A future as from `verify_async`.

        Raises:
            RuntimeError: No event loop is running. All else as from `verify_async`.
        """
        loop = asyncio.get_running_loop()
        try:
            question = self._question(key, signature, digest, None, LEFT_OUT, encoding, priority)
        except InvalidSignature as error:
            return _failed(loop, error)
        return self._loop_queue(loop).submit(question, timeout, refuse=self._refuse)

    def stats(self) -> VerifierStats:
        """Return what the verifier has done so far."""
        batches, items, waiting, refused, timed_out, taken, wait_ns, longest_ns = self._native.stats()
        waits = {
            name: PriorityWaits(taken[i], wait_ns[i] * 1e-9, longest_ns[i] * 1e-9) for i, name in enumerate(_PRIORITIES)
        }
        return VerifierStats(batches, items, waiting, refused, timed_out, waits)

    def close(self, *, drain: bool = True) -> None:
        """Take no more signatures, and return when all that were there have been answered.

        Args:
            drain: Verify what waits; otherwise it is answered by `accel.ClosedError`.
        """
        self._native.close(drain)
        queues, self._queues = self._queues, {}
        for loop, queue in queues.items():
            if loop.is_closed():
                continue
            if loop is _running_loop():
                queue.detach()
            else:
                loop.call_soon_threadsafe(queue.detach)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _question(
        self,
        key: SingleKey,
        signature: Buffer,
        digest: Buffer | None,
        message: Buffer | None,
        id: OptionalId,  # noqa: A002 - the standard's name
        encoding: Encoding,
        priority: Priority,
    ) -> _Question:
        """Check what the native library does not."""
        number = _PRIORITIES.get(priority)
        if number is None:
            raise ArgumentError(f"priority: expected 'vote', 'proposal' or 'transaction', got {priority!r}")
        if encoding != "raw":
            signature = _raw_signature(signature, encoding)
        else:
            size = len(signature) if isinstance(signature, bytes) else _common.byte_view(signature, "signature").nbytes
            if size != 64:
                raise SignatureLengthError(f"signature: expected 64 bytes r ‖ s, got {size}")
        if isinstance(key, RingKeys):
            if len(key) != 1:
                raise ArgumentError(f"key: expected one key of the ring, got {len(key)}")
            _check_ring_id(key.ring, id)
            return (None, key.ring._ring, int(key.indices[0]), signature, digest, message, None, number)
        raw = key._raw if isinstance(key, PublicKey) else key
        return (raw, None, 0, signature, digest, message, _common.native_id(id), number)

    @staticmethod
    def _require_ok(status: int) -> None:
        if status != OK:
            raise _failure(status)

    def _loop_queue(self, loop: asyncio.AbstractEventLoop) -> _LoopQueue:
        queue = self._queues.get(loop)
        if queue is None:
            for other in [other for other in self._queues if other.is_closed()]:
                del self._queues[other]
            queue = self._queues[loop] = _LoopQueue(self._native, loop, self._capacity)
        return queue


def _raw_signature(signature: Buffer, encoding: Encoding) -> bytes:
    """Return r ‖ s of a signature in DER."""
    _common.check_encoding(encoding)
    rows, status = _common.signatures_from_der([signature])
    if status[0] != OK:
        raise InvalidSignature("signature: not a SEQUENCE of two INTEGERs in DER")
    return rows.tobytes()


def _failed(loop: asyncio.AbstractEventLoop, error: InvalidSignature) -> asyncio.Future[None]:
    future: asyncio.Future[None] = loop.create_future()
    future.set_exception(error)
    return future


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
