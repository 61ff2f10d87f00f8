"""Exceptions of the package.

A wrong Python type or dtype is a ``TypeError``; a wrong shape, length, stride or value is an `ArgumentError`, which is
also a ``ValueError``. Lack of memory is a ``MemoryError``, lack of randomness an ``OSError``. Every message names the
argument, says what came and what is wanted.
"""

__all__ = [
    "AccelError",
    "ArgumentError",
    "BadKeyError",
    "ClosedError",
    "DeviceError",
    "EncodingError",
    "InvalidProof",
    "InvalidSignature",
    "KernelError",
    "LibraryError",
    "QueueFullError",
    "RequestCancelled",
    "SelfTestError",
    "TimedOutError",
]


class AccelError(Exception):
    """Base of all exceptions that are this package's own; itself: a bug in the native library."""


class InvalidSignature(AccelError):  # noqa: N818 - the name that the field knows from other libraries
    """A signature does not verify. Raised by single verifications only; batches give a status per item."""


class InvalidProof(AccelError):  # noqa: N818 - named like `InvalidSignature`
    """A Merkle proof does not verify. Raised by single verifications only; batches give a status per item."""


class ArgumentError(AccelError, ValueError):
    """An argument has the right type and a wrong shape, length, stride or value."""


class EncodingError(AccelError, ValueError):
    """DER, PEM or a proof does not parse."""


class BadKeyError(AccelError, ValueError):
    """A public key is no point of the curve, or a private key lies outside 1 to n-2.

    Attributes:
        index: Which key of a sequence it is; None for a single key.
    """

    def __init__(self, message: str, index: int | None = None) -> None:
        """Take the sentence and, for a sequence of keys, the index of the first bad one."""
        super().__init__(message)
        self.index = index


class KernelError(AccelError, ValueError):
    """A kernel that is unknown, or that this CPU cannot run, was asked for by ``ACCEL_KERNEL`` or `set_kernels`."""


class DeviceError(AccelError, RuntimeError):
    """A device that is not there, does not work or is closed."""


class QueueFullError(AccelError, RuntimeError):
    """As many items or calls wait as a queue, a stream or a device holds, and the caller did not want to wait."""


class RequestCancelled(AccelError):  # noqa: N818 - nothing went wrong
    """A call that was submitted was cancelled."""


class LibraryError(AccelError, ImportError):
    """A native library that does not load, or is not the package's own: ``import accel`` fails with it."""


class SelfTestError(AccelError, RuntimeError):
    """A kernel gave a wrong answer to a known question. It is not used."""


class TimedOutError(AccelError, TimeoutError):
    """The time that a call was given is over, or the deadline of one that was submitted: nothing was checked."""


class ClosedError(AccelError, RuntimeError):
    """The object takes no work any more."""
