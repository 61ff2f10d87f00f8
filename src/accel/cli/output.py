"""What all commands share: exit codes, JSON, errors, progress.

Exit codes: 0 all is valid; 1 some item is not; 2 the job could not run (also wrong usage); 130 interrupted.

With `--json` a command prints exactly one object on standard output. When the job cannot run, that object has the one
field `error`, and standard error has the same sentence. Progress bars go to standard error, and only to a terminal.
"""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, ParamSpec

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from accel.errors import AccelError

VALID, INVALID, FAILED, INTERRUPTED = 0, 1, 2, 130

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]

# A pipe has no width: tables get what they need, so that no digest or path is broken.
_PIPE_COLUMNS = 250


def _console(*, stderr: bool) -> Console:
    piped = not (sys.stderr if stderr else sys.stdout).isatty() and "COLUMNS" not in os.environ
    return Console(stderr=stderr, highlight=False, width=_PIPE_COLUMNS if piped else None)


out, err = _console(stderr=False), _console(stderr=True)

P = ParamSpec("P")


_emitted: list[dict[str, Any] | list[Any]] = []


def emit(value: dict[str, Any] | list[Any]) -> None:
    """Print the command's one JSON value: an object, or a list where names are all that was asked for."""
    _emitted.append(value)
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def emitted() -> bool:
    """Whether this process has printed its JSON object."""
    return bool(_emitted)


def job(function: Callable[P, int]) -> Callable[P, None]:
    """A command from a function that returns its exit code: errors become a sentence and the exit code 2."""

    @functools.wraps(function)
    def command(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            code = function(*args, **kwargs)
            sys.stdout.flush()
        except BrokenPipeError:  # whoever read our output has gone: there is nobody to tell
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            code = FAILED
        except KeyboardInterrupt:
            code = INTERRUPTED
            _complain("interrupted", as_json=bool(kwargs.get("as_json")))
        except (AccelError, OSError, ImportError, MemoryError) as error:
            code = FAILED
            _complain(_sentence(error), as_json=bool(kwargs.get("as_json")))
        raise typer.Exit(code)

    return command


def _sentence(error: BaseException) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    if isinstance(error, MemoryError):
        return f"out of memory: {error}" if str(error) else "out of memory"
    return str(error)


def _complain(sentence: str, *, as_json: bool) -> None:
    complain(sentence)
    if as_json:
        emit({"error": sentence})


def complain(sentence: str) -> None:
    """One sentence on standard error."""
    err.print(Text.assemble(("accel: ", "bold red"), sentence), soft_wrap=True)


@contextmanager
def progress_bar(description: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error; yields what to call with (done, total)."""
    with phases_bar() as progress:
        yield lambda done, total: progress(description, done, total)


@contextmanager
def phases_bar() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar for work in phases; yields what to call with (phase, done, total)."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("", total=None)
        current = ""

        def update(phase: str, done: int, total: int) -> None:
            nonlocal current
            if phase != current:  # the time that is left is estimated anew
                current = phase
                bar.reset(task, description=phase, total=total)
            bar.update(task, completed=done, total=total)

        yield update
