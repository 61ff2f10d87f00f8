"""Counters of open devices for Prometheus. Needs the extra ``metrics`` (prometheus-client).

>>> from prometheus_client import REGISTRY  # doctest: +SKIP
>>> REGISTRY.register(accel.metrics.collector())  # doctest: +SKIP

Every counter of `accel.device.Device.stats` is a metric: ``items.sm2_verify`` is
``accel_device_items_sm2_verify_total``, a driver's own ``driver.commands`` is ``accel_driver_commands_total``.
Labels: ``handle``, the name by which the device was opened; ``device``, one of those behind it, or ``fallback``, the
CPU behind them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from accel.device import Device, DeviceStat, open_devices
from accel.errors import DeviceError

if TYPE_CHECKING:
    from prometheus_client.core import Metric

__all__ = ["DeviceCollector", "collector"]

_GAUGES = re.compile(r"requests\.waiting|quarantined|rate\..*")


class DeviceCollector:
    """What a registry of prometheus-client asks; made by `collector`."""

    def __init__(self, devices: Callable[[], Iterable[Device]]) -> None:
        """Ask `devices` at each scrape."""
        self._devices = devices

    def describe(self) -> list[Metric]:
        """Return nothing: which metrics there are depends on the drivers that are open."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of this moment. Devices that are being closed are left out."""
        families: dict[str, Metric] = {}
        for device in self._devices():
            try:
                stats = device.stats()
            except DeviceError:
                continue
            samples: dict[tuple[str, str], tuple[DeviceStat, int]] = {}
            for stat in stats:  # "cpu+cpu" has two devices of one name
                before = samples.get((stat.device, stat.name), (stat, 0))[1]
                samples[stat.device, stat.name] = (stat, before + stat.value)
            for stat, value in samples.values():
                family = families.setdefault(stat.name, _family(stat))
                family.add_metric([device.name, stat.device], value)  # type: ignore[attr-defined]
        yield from families.values()


def _family(stat: DeviceStat) -> Metric:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily  # noqa: PLC0415  an extra

    name = stat.name if stat.name.startswith("driver.") else f"device.{stat.name}"
    name = "accel_" + re.sub(r"[^a-z0-9]", "_", name.lower())
    kind = GaugeMetricFamily if _GAUGES.fullmatch(stat.name) else CounterMetricFamily
    return kind(name, f"{stat.description} Unit: {stat.unit}.", labels=["handle", "device"])


def collector(devices: Iterable[Device] | None = None) -> DeviceCollector:
    """Return a collector for a registry of prometheus-client.

    Args:
        devices: Whose counters; None: of all devices that are open at the moment of a scrape.

    Raises:
        ImportError: prometheus-client is not installed.
    """
    import prometheus_client  # noqa: F401, PLC0415  to fail here, and not at the first scrape

    if devices is None:
        return DeviceCollector(open_devices)
    listed = list(devices)
    return DeviceCollector(lambda: listed)
