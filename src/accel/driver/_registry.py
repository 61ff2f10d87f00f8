"""Drivers in Python by name: added by a program, or found by the entry points of what is installed."""

from __future__ import annotations

import threading

from accel._entry_points import driver_name, driver_points
from accel.driver._contract import load
from accel.driver._driver import Driver
from accel.driver._table import Table
from accel.errors import ArgumentError, DeviceError

# Tables stay as they are until the process ends: a device may be open longer than its driver has a name.
_tables: list[Table] = []
_names: set[str] = set()
_lock = threading.Lock()


def _last_error() -> str:
    ffi, library = load()
    return bytes(ffi.string(library.accel_last_error())).decode()


def add(name: str, driver: type[Driver]) -> None:
    """Add the devices ``name`` and ``python:name``.

    Args:
        name: Of the device; what stands behind a comma when it is asked for is the driver's ``options``.
        driver: The class; each device that is opened is an object of it.

    Raises:
        ArgumentError: The name is taken, or has a comma or a colon.
        TypeError: `driver` is no subclass of `Driver`, or has none of the methods that make a device.
    """
    if not (isinstance(driver, type) and issubclass(driver, Driver)):
        raise TypeError(f"driver: expected a subclass of accel.driver.Driver, got {driver!r}")
    if not driver._opcodes():
        raise TypeError(f"driver: {driver.__name__} has none of the methods that make a device")
    if ":" in name:
        raise ArgumentError(f"name: expected no ':', got {name!r}")
    _, library = load()
    table = Table(name, driver)
    with _lock:
        _tables.append(table)
        for full in (name, f"python:{name}"):
            if library.accel_driver_add(full.encode(), table.struct) != 1:
                sentence = _last_error()
                if full != name:
                    library.accel_driver_remove(name.encode())
                raise ArgumentError(sentence)
        _names.add(name)


def remove(name: str) -> None:
    """Take a driver's names away; devices that are open stay open.

    Args:
        name: As it was given to `add`.

    Raises:
        ArgumentError: No driver was added under this name.
    """
    _, library = load()
    with _lock:
        if name not in _names:
            raise ArgumentError(f"name: no driver was added as {name!r}")
        _names.discard(name)
        for full in (name, f"python:{name}"):
            library.accel_driver_remove(full.encode())


def names() -> list[str]:
    """Names of drivers that were added, and of entry points in the group ``accel.drivers``."""
    return sorted(_names | {point.name for point in driver_points()})


def resolve(device: str) -> None:
    """Add the driver that the device's name asks for, if it is an entry point that was not used yet.

    Args:
        device: A device's name, with everything that stands before and behind the driver's name.

    Raises:
        DeviceError: The entry point does not load, or is no `Driver`.
    """
    name = driver_name(device)
    if name in _names:
        return
    for point in driver_points(name):
        try:
            add(name, point.load())
        except Exception as error:
            raise DeviceError(f"device: the entry point {name!r} ({point.value}) is no driver: {error}") from error
