"""The checks, in the order in which they run."""

from accel.validate._checks import life, sm3, sm2, merkle, queues, malformed, resets  # isort: skip

__all__ = ["life", "malformed", "merkle", "queues", "resets", "sm2", "sm3"]
