"""Sphinx's configuration: `make docs`.

The source directory is the root of the tree: a page is the file that people also read where the source is hosted, at
its own place, and its relative links hold on both. In this directory stand the pages that belong to nothing else.
"""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version as version_of
from pathlib import Path
from types import ModuleType

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.pycode import ModuleAnalyzer

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(Path(__file__).parent / "extensions"), str(ROOT / "tests")]

from oracles.names import MODULES  # noqa: E402  a test asks whether each of their names has its place

project = "accel"
copyright = "the authors of accel"  # noqa: A001 - Sphinx's name
version = release = version_of("chainaccel")

extensions = ["c_header", "myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

root_doc = "docs/index"
include_patterns = [
    "*.md",
    "docs/**",
    *(f"{place}/README.md" for place in ("bench", "bench/results", "csrc/*", "examples/**", "tests/*")),
]
exclude_patterns = [".venv", "build", "dist", "docs/extensions", "docs/templates", "docs/static"]
templates_path = ["templates"]

nitpicky = True
smartquotes_action = "D"  # dashes alone: quotes and dots are code more often than not

# --- Markdown

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

# --- the Python API

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
# `name` in a docstring: an object of the package, or a parameter of the function that it describes.
default_role = "py:obj"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
c_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"


def _parameters(module: ModuleType) -> Iterator[str]:
    for thing in vars(module).values():
        members = vars(thing).values() if inspect.isclass(thing) else ()
        for function in (thing, *members):
            unwrapped = getattr(function, "__func__", function)
            if inspect.isfunction(unwrapped):
                yield from inspect.signature(unwrapped).parameters


# What is documented elsewhere: no page of ours can be the target.
nitpick_ignore = {("py:obj", name) for module in MODULES for name in _parameters(import_module(module))}
nitpick_ignore |= {
    ("c:identifier", name) for name in ("int32_t", "int64_t", "uint8_t", "uint16_t", "uint32_t", "uint64_t")
}
nitpick_ignore_regex = [
    ("py:class", r"(numpy|np|npt|pyarrow|pa|os|asyncio|pathlib|datetime|hmac|collections\.abc|typing)\..*|Buffer"),
    ("py:class", "Metric"),  # prometheus_client's
    ("py:class", r"(accel\.)?_native\..*|accel\.ledger\.(damage\.Transaction|layout\.Batch)"),
    ("py:class", r"(list\[tuple|dict)\[(str|int)"),  # napoleon splits the types of attributes at commas
]
# Aliases in signatures that are written with the module's own names.
ALIASES = {name: f"accel.batch.{name}" for name in ("ByteArray", "BytesLike", "Messages", "Rows")}
# The consensus engine's modules name each other's events, actions and messages.
for _module in (name for name in MODULES if name.startswith("accel.consensus.")):
    for _name in import_module(_module).__all__:
        ALIASES.setdefault(_name, f"{_module}.{_name}")
ALIASES |= {f"messages.{name}": f"accel.consensus.messages.{name}" for name in ("Certificate", "Evidence")}
ALIASES |= {
    f"ValidatorSet.{name}": f"accel.consensus.validators.ValidatorSet.{name}" for name in ("quorum", "weak_quorum")
}
ALIASES["accel.sm2._common.NoZA"] = "accel.sm2.NO_ZA"

# Two modules may have a class of one name: signatures name it without its module, and link to the first.
suppress_warnings = ["ref.python"]

# --- the pages

html_theme = "furo"
html_title = f"accel {release}"
html_static_path = ["static"]
html_css_files = ["accel.css"]
html_show_sphinx = False
html_copy_source = False
html_additional_pages = {"index": "to-start.html"}
highlight_language = "none"  # a block of code that names no language
pygments_style = "tango"
pygments_dark_style = "github-dark"

# Directories whose page is not their README.
DIRECTORIES = {"src/accel/reference": "docs/reference/python/reference"}


def _resolve_directories(app: Sphinx, document: nodes.document) -> None:
    """Lead links to directories of the tree to their pages; those that have none stay text."""
    here = Path(app.env.doc2path(app.env.docname)).parent
    for node in list(document.findall(pending_xref)):
        if node["reftype"] != "myst" or node["refdomain"] is not None:
            continue
        directory = (here / node["reftarget"]).resolve()
        if not directory.is_dir() or not directory.is_relative_to(ROOT):
            continue
        name = directory.relative_to(ROOT).as_posix()
        page = DIRECTORIES.get(name, f"{name}/README")
        if page in app.env.found_docs:
            node["refdomain"], node["reftarget"], node["reftargetid"] = "doc", page, None
        else:
            node.replace_self(node.children)


def _resolve_aliases(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, text: nodes.TextElement
) -> nodes.Element | None:
    """Lead the names of aliases to where they are described."""
    target = ALIASES.get(node["reftarget"])
    if node["refdomain"] != "py" or target is None:
        return None
    return env.domains["py"].resolve_xref(env, node["refdoc"], app.builder, "data", target, node, text)


ADOPTED = {
    "accel.sm2": ["_common"],
    "accel.ledger": ["damage", "layout"],
    "accel.consensus.twins": ["scenario", "generate"],
}


def _adopt_comments(_: Sphinx) -> None:
    """Show constants under the package that has them in its `__all__`, with the text that stands beside them."""
    for package, parts in ADOPTED.items():
        adopting = ModuleAnalyzer.for_module(package)
        adopting.analyze()
        for part in parts:
            analyzer = ModuleAnalyzer.for_module(f"{package}.{part}")
            adopting.attr_docs.update(analyzer.find_attr_docs())


def _write_command_line(_: Sphinx) -> None:
    """Write the options of `accel` in Markdown, which typer knows how to make, for the page that includes them."""
    target = ROOT / "build/docs-include/command-line.md"
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "typer", "accel.cli.app", "utils", "docs", "--name", "accel"]
    subprocess.run([*command, "--output", str(target)], check=True, stdout=subprocess.DEVNULL)


def setup(app: Sphinx) -> None:
    """Connect what is ours."""
    app.connect("builder-inited", _write_command_line)
    app.connect("builder-inited", _adopt_comments)
    app.connect("missing-reference", _resolve_aliases)
    app.connect("doctree-read", _resolve_directories)
