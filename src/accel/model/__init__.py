"""``sim96``: a model of an accelerator chip with 96 cores, and of other chips of that kind.

A discrete-event model in whole cycles: queues, host link, memories, network on chip, dispatcher, cores with their SM3
units and modular multipliers, tables and their cache. It says how long such a chip would take for a workload, what
would hold it up and what energy it would need; nothing here is a measurement, and every output says ``model``. What it
stands on, and what it leaves out, is in docs/accelerator-model.md.
"""

from __future__ import annotations

from accel.model.compare import Difference, compare
from accel.model.cpu import ASSUMPTIONS, PUBLIC_CLAIM, CpuRate, given_cpu_rate, measure_cpu_core
from accel.model.files import (
    Stored,
    load_statistics,
    statistics_csv,
    statistics_dict,
    statistics_json,
    trace_json,
)
from accel.model.simulate import LABEL, Result, Span, Statistic, simulate
from accel.model.sweep import (
    DEFAULT_OBJECTIVES,
    MAX_POINTS,
    Point,
    parse_grid,
    sweep,
    sweep_csv,
    sweep_dict,
    sweep_json,
)
from accel.model.workload import UNKNOWN_KEY, Command, Workload, block_workload

__all__ = [
    "ASSUMPTIONS",
    "DEFAULT_OBJECTIVES",
    "LABEL",
    "MAX_POINTS",
    "PUBLIC_CLAIM",
    "UNKNOWN_KEY",
    "Command",
    "CpuRate",
    "Difference",
    "Point",
    "Result",
    "Span",
    "Statistic",
    "Stored",
    "Workload",
    "block_workload",
    "compare",
    "given_cpu_rate",
    "load_statistics",
    "measure_cpu_core",
    "parse_grid",
    "simulate",
    "statistics_csv",
    "statistics_dict",
    "statistics_json",
    "sweep",
    "sweep_csv",
    "sweep_dict",
    "sweep_json",
    "trace_json",
]
