"""One block on several devices: what each found, what it counted, and whose time that took."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from accel import Device, ledger
from accel.device import TimeKind, open_device
from accel.ledger.layout import Progress

_COUNTERS = {
    "signatures": "driver.items.sm2_verify",
    "leaves": "driver.items.sm3",
    "leaves_below_nodes": "driver.items.merkle",
}
_MODELLED_NS = "driver.model.time.elapsed_ns"


@dataclass(frozen=True)
class DeviceRun:
    """One pass over a block on one device, without help from the CPU behind it.

    Attributes:
        device: the device's name.
        times: whose time `seconds` is: ``measured``, or that of a ``model``.
        report: what was found.
        seconds: measured: wall clock of the pass, reading included; model: from the block's first command to its last.
        counted: what the device's driver counted during the pass: signatures, leaves that it hashed, and leaves over
            which it made nodes of the tree.
    """

    device: str
    times: str
    report: ledger.BlockReport
    seconds: float
    counted: Mapping[str, int]

    @property
    def rate(self) -> float:
        """Transactions a second, as measured or in the model."""
        return self.report.rows / self.seconds

    @property
    def verdicts(self) -> dict[int, str]:
        """Each bad row's status."""
        return {bad.row: bad.status for bad in self.report.bad}

    @property
    def ran_there(self) -> bool:
        """Whether the driver counted a signature and a leaf for each transaction, and nodes of the tree.

        Not a leaf below nodes for each: the CPU makes those in patches that an earlier batch of the block began.
        """
        each = min(self.counted["signatures"], self.counted["leaves"])
        return each >= self.report.rows and self.counted["leaves_below_nodes"] > 0


def run(path: str | os.PathLike[str], name: str, rows: int, progress: Progress) -> DeviceRun:
    """Verify a block of `rows` transactions on a device, whose answers are sampled as by default.

    Raises:
        DeviceError: the device does not open, or fails; the CPU does not step in.
    """
    with open_device(name, fallback=False) as device:
        before = _stats(device)
        report = ledger.verify_block(path, bad_rows_limit=rows, progress=progress, device=device)
        after = _stats(device)
        modelled = any(info.time_kind is TimeKind.MODEL for info in device.infos)
    grown = {stat: value - before.get(stat, 0) for stat, value in after.items()}
    return DeviceRun(
        device=name,
        times=report.times,
        report=report,
        seconds=grown[_MODELLED_NS] / 1e9 if modelled else report.seconds,
        counted={what: grown[stat] for what, stat in _COUNTERS.items()},
    )


def _stats(device: Device) -> dict[str, int]:
    return {stat.name: stat.value for stat in device.stats() if stat.device == device.name}
