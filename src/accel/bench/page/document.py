"""What pages with plots are made of, whatever they show: templates, style, script, plotly.js, figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import markupsafe
import plotly.offline

from accel.bench.page.plot import Plot

_FILES = Path(__file__).parent / "files"


def environment(*directories: Path) -> jinja2.Environment:
    """Templates of these directories, then of this package."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([*directories, _FILES]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def parts(*, plotly_js: bool) -> dict[str, Any]:
    """What templates call `figure_json`, `style`, `script` and `plotly_js`; the last is empty if it is not wanted."""
    return {
        "figure_json": _figure_json,
        "style": _text("page.css"),
        "script": _text("page.js"),
        "plotly_js": markupsafe.Markup(plotly.offline.get_plotlyjs()) if plotly_js else "",  # noqa: S704  the library
    }


def _text(name: str) -> markupsafe.Markup:
    return markupsafe.Markup((_FILES / name).read_text(encoding="utf-8"))  # noqa: S704  a file of this package


def _figure_json(plot: Plot) -> markupsafe.Markup:
    """The figure for a script element, which ends at the first `</`, wherever it stands."""
    text: str = plot.figure.to_json(engine="json")  # whether or not another encoder is installed
    return markupsafe.Markup(text.replace("<", "\\u003c"))  # noqa: S704  JSON without <
