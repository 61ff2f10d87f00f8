"""Batched SM3, SM2 and Merkle trees for permissioned blockchain nodes.

Everything runs in the native library ``libaccel`` behind ``accel.h``; these modules are a client of it. Environment:
``ACCEL_KERNEL`` (``portable`` for all, or for example ``sm3=avx2,sm2=portable``), ``ACCEL_NUM_THREADS``,
``ACCEL_ADAPTIVE_TABLES`` (0 or 1) and ``ACCEL_DEVICE``; an unknown value is an error listing the valid ones.
"""

from __future__ import annotations

from accel import _library, _native, merkle, sm2, sm3
from accel.batch import Ragged
from accel.device import Device, Future, Stream, devices, open_device
from accel.errors import (
    AccelError,
    ArgumentError,
    BadKeyError,
    ClosedError,
    DeviceError,
    EncodingError,
    InvalidProof,
    InvalidSignature,
    KernelError,
    LibraryError,
    QueueFullError,
    RequestCancelled,
    SelfTestError,
    TimedOutError,
)
from accel.sm2 import Verifier

__all__ = [
    "AccelError",
    "ArgumentError",
    "BadKeyError",
    "ClosedError",
    "Device",
    "DeviceError",
    "EncodingError",
    "Future",
    "InvalidProof",
    "InvalidSignature",
    "KernelError",
    "LibraryError",
    "QueueFullError",
    "Ragged",
    "RequestCancelled",
    "SelfTestError",
    "Stream",
    "TimedOutError",
    "Verifier",
    "__version__",
    "active_kernel",
    "available_kernels",
    "cpu_features",
    "devices",
    "kernel_items",
    "merkle",
    "num_threads",
    "open_device",
    "selftest",
    "set_kernels",
    "set_num_threads",
    "sm2",
    "sm3",
]

__version__: str = _library.version()


def active_kernel(op: str) -> str:
    """Return the name of the kernel that `op` runs, choosing it if that has not happened yet.

    Args:
        op: ``sm3.hash``, ``sm2.verify`` or ``sm2.sign``.

    Returns:
        ``portable``, ``adx``, ``avx2``, ``avx512``, ``avx512x16`` or ``avx512ifma``.

    Raises:
        ArgumentError: There is no such op.
        KernelError: ``ACCEL_KERNEL`` names a kernel that is unknown or that this CPU cannot run.
        SelfTestError: The kernel gave a wrong answer to a known question.
    """
    return _native.active_kernel(op)


def available_kernels(op: str) -> list[str]:
    """Return the kernels of `op` that this CPU and its operating system can run, best first.

    Raises:
        ArgumentError: There is no such op.
    """
    return _native.available_kernels(op).split(",")


def set_kernels(spec: str | None) -> None:
    """Force kernels from now on, in place of ``ACCEL_KERNEL``.

    Args:
        spec: ``NAME`` for all, or ``sm3=NAME,sm2=NAME``, where what is left out gets the best; None or an empty string
            for the best everywhere. Key rings keep the kernel they were made with. Not while other calls run.

    Raises:
        KernelError: A kernel is unknown, or this CPU cannot run it. Nothing has changed then.
    """
    _native.set_kernels(spec or "")


def kernel_items(op: str, kernel: str) -> int:
    """Return how many items `kernel` has computed for `op` in this process.

    Raises:
        ArgumentError: There is no such op, or it has no such kernel.
    """
    return _native.kernel_items(op, kernel)


def cpu_features() -> list[str]:
    """Return the features of this CPU that matter to the kernels and that the operating system lets us use.

    Raises:
        ArgumentError: ``ACCEL_CPU_MASK`` (features to leave out, for tests) has an unknown name.
    """
    return _native.cpu_features().split()


def selftest() -> None:
    """Ask every kernel that this CPU can run its known-answer questions.

    Raises:
        SelfTestError: A kernel gave a wrong answer.
    """
    _native.selftest()


def num_threads() -> int:
    """Return how many threads a batch runs on, the caller's included.

    ``ACCEL_NUM_THREADS``, or the number of CPUs that this process may run on. The threads start with the first batch
    that needs them.

    Raises:
        ArgumentError: ``ACCEL_NUM_THREADS`` is no integer from 1 to 1,024.
    """
    return _native.num_threads()


def set_num_threads(threads: int) -> None:
    """Set how many threads a batch runs on (1 to 1,024), from the next batch on.

    Raises:
        TypeError: `threads` is no integer.
        ArgumentError: `threads` is outside 1 to 1,024.
    """
    given: object = threads
    if not isinstance(given, int) or isinstance(given, bool):
        raise TypeError(f"threads: expected an integer from 1 to 1024, got {type(given).__name__}")
    if not 1 <= threads <= 1024:
        raise ArgumentError(f"threads: expected an integer from 1 to 1024, got {threads}")
    _native.set_num_threads(threads)
