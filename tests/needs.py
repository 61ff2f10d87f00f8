"""What some tests need and CI provides: where it is missing they are skipped by name, and fail in CI."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

COMPLETE = os.environ.get("ACCEL_TESTS_COMPLETE") == "1"
"""Whether everything has been provided (``.ci/run`` says so): what is missing is a failure then."""


def missing(sentence: str) -> NoReturn:
    """Skip the test, which needs something that is not there; fail it where everything must be."""
    if COMPLETE:
        pytest.fail(f"{sentence}, and ACCEL_TESTS_COMPLETE is set")
    pytest.skip(sentence)


openssl = pytest.mark.skipif(not COMPLETE and shutil.which("openssl") is None, reason="no openssl command")
"""Marks tests that run the command; in CI they run, and fail without it."""
