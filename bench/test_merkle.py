"""Merkle roots (RFC 9162), from the leaves' data, beside what is built from a peer's SM3."""

import pytest


@pytest.mark.operation("merkle.root", lengths=(256,))
def test_root(contender, measure):
    measure(contender)
