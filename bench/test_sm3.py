"""SM3 in batches, beside one message at a time."""

import pytest


@pytest.mark.operation("sm3.hash", lengths=(64, 256, 1024))
def test_hash(contender, measure):
    measure(contender)
