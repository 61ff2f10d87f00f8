"""Drivers in Python: devices for ``libaccel`` that are classes.

A driver in C is a shared library (``accel/driver.h``); one in Python is a subclass of `Driver`, found by the name of an
entry point in the group ``accel.drivers`` or added with `add`. The runtime sees no difference.

Example::

    class Reference(accel.driver.Driver):
        def hash_messages(self, command):
            return [accel.reference.sm3.digest(message) for message in command.messages]


    accel.driver.add("reference", Reference)  # then: the devices "reference" and "python:reference"

Needs the extra ``drivers`` (cffi).
"""

from accel.driver._driver import BadCommandError, Capabilities, Driver, UnsupportedError
from accel.driver._registry import add, names, remove, resolve
from accel.driver._work import Command, CommandFlag, CompletionStatus, LogLevel, Opcode

__all__ = [
    "BadCommandError",
    "Capabilities",
    "Command",
    "CommandFlag",
    "CompletionStatus",
    "Driver",
    "LogLevel",
    "Opcode",
    "UnsupportedError",
    "add",
    "names",
    "remove",
    "resolve",
]

# Where they are found, for whoever reads a traceback or the reference.
for _thing in (BadCommandError, Capabilities, Command, CommandFlag, CompletionStatus, Driver, LogLevel, Opcode):
    _thing.__module__ = __name__
UnsupportedError.__module__ = __name__
