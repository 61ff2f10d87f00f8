"""The command line's tree of commands."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import NoReturn

import typer

from accel.cli import bench, block, certs, chain, demo, hashing, merkle, model, output, system, validate

app = typer.Typer(
    name="accel",
    help="Batched SM3, SM2 and Merkle trees for permissioned blockchain nodes.",
    epilog="Exit codes: 0 all is valid, 1 some item is not, 2 the job could not run.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("selftest")(system.selftest)
app.command("info")(system.info)
app.command("hash")(hashing.hash_files)
app.add_typer(merkle.app, name="merkle")
app.command("certs")(certs.certs)
app.command("make-block")(block.make_block)
app.command("verify")(block.verify)
app.command("demo")(demo.demo)
app.command("bench")(bench.bench)
app.command("validate")(validate.validate)
app.command("vectors")(validate.vectors)
app.add_typer(model.app, name="model")
app.add_typer(chain.app, name="chain")


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)


def run() -> None:
    """Run the command line's arguments; ends with the exit code."""
    # So that temporary files are removed when the command is told to end, as they are after Ctrl-C.
    signal.signal(signal.SIGTERM, _terminate)
    try:
        app(prog_name="accel")
    except SystemExit as end:
        if end.code == output.FAILED and "--json" in sys.argv and not output.emitted():
            output.emit({"error": "the command line is not valid; standard error says why"})
        raise
