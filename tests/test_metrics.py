"""Counters of devices for Prometheus."""

from __future__ import annotations

import pytest

import accel
from accel import metrics, sm3

prometheus_client = pytest.importorskip("prometheus_client")


def test_counters_of_open_devices():
    registry = prometheus_client.CollectorRegistry()
    with accel.open_device("cpu+cpu") as device:
        registry.register(metrics.collector())
        sm3.hash_many([b"abc"] * 1000, device=device)
        labels = {"handle": "cpu+cpu", "device": "cpu"}
        assert registry.get_sample_value("accel_device_items_sm3_total", labels) == 1000
        assert registry.get_sample_value("accel_device_quarantined", labels) == 0
        assert registry.get_sample_value("accel_driver_items_sm3_total", labels) >= 1000
        assert registry.get_sample_value("accel_device_commands_total", labels | {"device": "fallback"}) == 0
        text = prometheus_client.generate_latest(registry).decode()
        assert "# TYPE accel_device_items_sm3_total counter" in text
        assert "# TYPE accel_device_rate_sm3 gauge" in text
    assert registry.get_sample_value("accel_device_items_sm3_total", labels) is None


def test_counters_of_chosen_devices():
    with accel.open_device("cpu") as one, accel.open_device("cpu+cpu") as other:
        registry = prometheus_client.CollectorRegistry()
        registry.register(metrics.collector([one]))
        names = {sample.labels["handle"] for metric in registry.collect() for sample in metric.samples}
        assert names == {"cpu"}
        other.close()
        assert list(metrics.collector([other]).collect()) == []
