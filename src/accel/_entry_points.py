"""Drivers in Python that what is installed brings along: found without what they need (cffi)."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata

GROUP = "accel.drivers"


def driver_name(device: str) -> str:
    """Return the driver's name in a device's: behind ``fault:FAULT:`` and ``python:``, before a comma."""
    while device.startswith("fault:") and device.count(":") > 1:
        device = device.split(":", 2)[2]
    return device.removeprefix("python:").split(",", 1)[0]


def driver_points(name: str | None = None) -> Iterable[metadata.EntryPoint]:
    """Return the entry points of drivers: all, or those of one name."""
    return metadata.entry_points(group=GROUP) if name is None else metadata.entry_points(group=GROUP, name=name)


def add_drivers(devices: str) -> None:
    """Add the drivers that a name asks for, perhaps that of several devices with ``+`` between them.

    Raises:
        DeviceError: an entry point does not load, or is no driver.
        ImportError: there is such an entry point, and no cffi.
    """
    for device in devices.split("+"):
        if any(driver_points(driver_name(device))):
            from accel import driver  # noqa: PLC0415  needs cffi, and most devices do not

            driver.resolve(device)
