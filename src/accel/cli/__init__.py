"""The command `accel`. Needs the extra `cli`: `pip install 'chainaccel[cli]'`."""

from __future__ import annotations

import sys

_EXTRA_MODULES = ("typer", "rich", "pyarrow", "asn1crypto", "msgspec")


def main() -> None:
    """Entry point of the command `accel`: never returns, ends with the exit code."""
    try:
        from accel.cli.app import run  # noqa: PLC0415  says which extra is missing instead of a traceback
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _EXTRA_MODULES:
            raise
        sys.stderr.write(f"accel: the command line needs {missing}: pip install 'chainaccel[cli]'\n")
        sys.exit(2)
    run()
