"""The conformance suite for devices: what ``accel validate DEVICE`` runs.

It works on the table of functions of ``accel/driver.h`` and sees nothing else of a device. Right answers are published,
follow from arithmetic, or come from the plain-integer reference and OpenSSL, never from the device or its kernels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from accel.driver._contract import load
from accel.validate import _checks  # noqa: F401 - fills CHECKS
from accel.validate._device import Device, Progress
from accel.validate._suite import ARENA_BYTES, CHECKS, Check, Outcome, Result, Runner, Suite
from accel.validate._work import Work, from_json

__all__ = ["DEADLINE", "Outcome", "Report", "Result", "faults", "replay", "validate"]

# Where they are found, for whoever reads a traceback or the reference.
for _thing in (Outcome, Result):
    _thing.__module__ = __name__

DEADLINE = 10.0
"""Seconds within which the commands of one check have to be completed, unless told otherwise."""


@dataclass(frozen=True)
class Report:
    """What the suite found.

    Attributes:
        device: The name that was asked for.
        product: What the device calls itself, with its version; "" if it never opened.
        thorough: Whether the long suite ran.
        seed: Of random inputs.
        results: A verdict for each check.
        log: What the driver said in warnings and errors.
    """

    device: str
    product: str
    thorough: bool
    seed: int
    results: list[Result]
    log: list[str]

    @property
    def passed(self) -> bool:
        """Whether no check failed, and the suite came to its end."""
        return all(result.outcome in (Outcome.PASSED, Outcome.SKIPPED) for result in self.results)

    @property
    def first_failure(self) -> Result | None:
        """The first check that failed; None if none did."""
        return next((result for result in self.results if result.outcome == Outcome.FAILED), None)


def faults() -> list[str]:
    """Names of faults: ``fault:FAULT:DEVICE`` is the device with that fault."""
    ffi, library = load()
    return bytes(ffi.string(library.accel_driver_faults())).decode().split(",")


def _run(device: Device, checks: Sequence[Check], progress: Progress | None, **options: Any) -> Report:
    runner = Runner(device, checks, **options)
    results = runner.run(progress)
    ffi = device.ffi
    product = " ".join(bytes(ffi.string(text)).decode(errors="replace")
                       for text in (device.caps.name, device.caps.version))  # fmt: skip
    return Report(device.name, product.strip(), options["thorough"], options["seed"], results, device.log)


def validate(
    device: str,
    *,
    thorough: bool = False,
    seed: int = 1,
    deadline: float = DEADLINE,
    fail_fast: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Run the suite on a device.

    Args:
        device: Its name, such as ``cpu`` or ``plugin:./board.so``.
        thorough: The long suite: more and larger batches.
        seed: Of random inputs; the same seed gives the same inputs.
        deadline: Seconds that the commands of one check may take.
        fail_fast: End at the first failed check.
        progress: Called with (name of the check, checks done, checks in all).

    Returns:
        A verdict for each check. A device that hangs has failed, within the deadline.

    Raises:
        DeviceError: There is no such device, or its driver does not load.
    """
    opened = Device(device, ARENA_BYTES, deadline)
    return _run(opened, CHECKS, progress, thorough=thorough, seed=seed, fail_fast=fail_fast)


def replay(device: str, reproducer: dict[str, Any], *, deadline: float = DEADLINE) -> Report:
    """Run one command that failed before.

    Args:
        device: The device's name.
        reproducer: What `Result.reproducer` held.
        deadline: Seconds that it may take.

    Returns:
        A report with two checks: open, and the command.

    Raises:
        DeviceError: There is no such device, or its driver does not load.
        ArgumentError: The reproducer is none.
    """
    work: Work = from_json(reproducer)

    def run(suite: Suite) -> None:
        suite.run(work)

    opens = next(each for each in CHECKS if each.name == "open")
    opened = Device(device, max(ARENA_BYTES, 4 * len(work.messages)), deadline)
    checks = [opens, Check("replay", "The command that failed before", run)]
    return _run(opened, checks, None, thorough=False, seed=0, fail_fast=True)
