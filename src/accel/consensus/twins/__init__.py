"""Twins (arXiv 2004.10617): Byzantine validators as two honest instances of one key, in a network split at will."""

from accel.consensus.twins.campaign import BatchReport, Failure, TwinsReport, run_twins
from accel.consensus.twins.cluster import Result, run_scenario
from accel.consensus.twins.files import Batch, load
from accel.consensus.twins.generate import FAMILIES, Space
from accel.consensus.twins.scenario import Scenario, Split, overlap, sides

__all__ = [
    "FAMILIES",
    "Batch",
    "BatchReport",
    "Failure",
    "Result",
    "Scenario",
    "Space",
    "Split",
    "TwinsReport",
    "load",
    "overlap",
    "run_scenario",
    "run_twins",
    "sides",
]
