"""Programs that some tests need and set-up installs: without them these are skipped by name, and in CI they fail."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

COMPLETE = os.environ.get("ACCEL_TESTS_COMPLETE") == "1"
"""Whether set-up has provided every program (``.ci/run`` says so): one that is missing is a failure then."""


def missing(sentence: str) -> NoReturn:
    """Skip the test, which needs something that is not there; fail it where everything must be."""
    if COMPLETE:
        pytest.fail(f"{sentence}, and ACCEL_TESTS_COMPLETE is set")
    pytest.skip(sentence)


openssl = pytest.mark.skipif(not COMPLETE and shutil.which("openssl") is None, reason="no openssl command")
"""Marks tests that run the command; in CI they run, and fail without it."""
