"""Implementations that are not ours, and vectors that others published: what the tests compare with."""
