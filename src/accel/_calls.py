"""How one call is run at once, on any device, or submitted to a stream: what `accel.device` and the modules share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from accel import _native
from accel.batch import ByteArray

if TYPE_CHECKING:
    from accel.device import Device

__all__ = ["PLANS", "Call", "native_device", "plan_of"]


class Call(NamedTuple):
    """A call with checked arguments."""

    run: Callable[..., None]
    """Runs it: takes the arguments and the native device."""
    submit: Callable[..., _native.Future]
    """Submits it: takes stream, options and the arguments."""
    arguments: tuple[Any, ...]
    result: ByteArray
    finish: Callable[[ByteArray], ByteArray] | None = None
    """What is still to do to the result."""

    def now(self, device: Device | None) -> ByteArray:
        """Run it, and return its result."""
        self.run(*self.arguments, native_device(device))
        return self.result if self.finish is None else self.finish(self.result)


def native_device(device: Device | None) -> _native.Device | None:
    """Return what the native library takes for `device`; None: the CPU, or ``ACCEL_DEVICE``."""
    if device is None:
        return None
    native = getattr(device, "_native", None)
    if not isinstance(native, _native.Device):
        raise TypeError(f"device: expected an accel.Device or None, got {type(device).__name__}")
    return native


PLANS: dict[Callable[..., Any], Callable[..., Call]] = {}
"""The public functions that a stream takes, each with the function that makes a `Call` of the same arguments."""


def plan_of(function: Callable[..., Any]) -> Callable[..., Call]:
    """Return how calls of a public function are made, or raise a TypeError that lists those that can be submitted."""
    try:
        return PLANS[function]
    except (KeyError, TypeError):
        names = ", ".join(f"{plan.__module__.removeprefix('accel.').split('.')[0]}.{plan.__name__}" for plan in PLANS)
        raise TypeError(f"function: expected one of {names}, got {function!r}") from None
