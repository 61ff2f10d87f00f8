"""`python -m accel.cli`: the command `accel`."""

from accel.cli import main

main()
