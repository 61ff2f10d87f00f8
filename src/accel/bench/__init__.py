"""Measuring accel: what `accel bench` runs, and the report that it leaves.

The command prints it and `accel.bench.report` is its form as data. Needs the extra `cli`.
"""
