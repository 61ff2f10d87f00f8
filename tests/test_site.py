"""The pages that `make docs` has built: nothing is missing, and nothing is fetched from elsewhere.

Skipped where there are none, or where they are older than what they are made of; `.ci/run` builds them first.
"""

from __future__ import annotations

import importlib
import inspect
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import pytest

from oracles.names import MODULES, public_members, public_names

ROOT = Path(__file__).parent.parent
SITE = ROOT / "build/docs"
HEADER = ROOT / "csrc/include/accel/accel.h"
GOLDEN_HEADER = ROOT / "csrc/golden/include/accel/golden.h"


@pytest.fixture(scope="module", autouse=True)
def _pages_are_fresh() -> None:
    inventory = SITE / "objects.inv"
    if not inventory.exists():
        pytest.skip("no pages: make docs builds them")
    kinds = ("*.md", "docs/**/*.md", "docs/**/*.rst", "docs/**/*.py", "src/accel/**/*.py")
    sources = [HEADER, GOLDEN_HEADER, *(path for kind in kinds for path in ROOT.glob(kind))]
    if inventory.stat().st_mtime < max(path.stat().st_mtime for path in sources):
        pytest.skip("the pages are older than their sources: make docs builds them again")


def described(domain: str) -> set[str]:
    """Names of all objects of a domain that the pages describe, from Sphinx's inventory."""
    data = (SITE / "objects.inv").read_bytes().split(b"\n", 4)
    lines = zlib.decompress(data[4]).decode().splitlines()
    entries = [re.match(r"(\S+) (\w+):\w+ ", line) for line in lines]
    return {entry[1] for entry in entries if entry and entry[2] == domain}


# What has two names is described under the second.
OTHER_NAMES = [
    ("accel.batch.Ragged", "accel.Ragged"),
    ("accel.Verifier", "accel.sm2.Verifier"),
    *((f"accel.{name}", f"accel.device.{name}") for name in ("Device", "Future", "Stream", "devices", "open_device")),
]


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_of_python_has_its_place(module: str) -> None:
    names = described("py")
    loaded = importlib.import_module(module)
    missing = []
    for name in public_names(loaded):
        thing = getattr(loaded, name)
        if isinstance(thing, ModuleType):
            wanted = [thing.__name__]
        elif inspect.isclass(thing):
            wanted = [f"{module}.{name}", *(f"{module}.{name}.{member}" for member, _ in public_members(thing))]
        else:
            wanted = [f"{module}.{name}"]
        missing += [one for one in wanted if not names & {one, *(one.replace(*other) for other in OTHER_NAMES)}]
    assert not missing


@pytest.mark.parametrize("header", [HEADER, GOLDEN_HEADER])
def test_every_name_of_a_header_has_its_place(header: Path) -> None:
    code = re.sub(r"/\*.*?\*/", "", header.read_text(encoding="utf-8"), flags=re.DOTALL)
    # Neither the include guard nor what marks a function as exported is for users.
    not_shown = {"ACCEL_ACCEL_H", "ACCEL_API", "ACCEL_GOLDEN_H", "ACCEL_GOLDEN_API"}
    declared = set(re.findall(r"\b(?:accel|ACCEL)_\w+", code)) - not_shown
    assert len(declared) > 80
    assert declared <= described("c")


def test_every_function_of_the_header_is_described() -> None:
    page = (SITE / "docs/reference/c.html").read_text(encoding="utf-8")
    entries = [entry for entry in page.split('<dl class="c ') if entry.startswith("function")]
    assert len(entries) > 50
    assert not [re.findall(r'id="c\.(\w+)"', entry) for entry in entries if "</dt>\n<dd><p>" not in entry]


class Fetched(HTMLParser):
    """Addresses that a browser fetches for a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in {"script", "img", "iframe", "source"}:
            self.addresses.append(values.get("src") or "")
        elif tag == "link":
            self.addresses.append(values.get("href") or "")


def test_nothing_is_fetched_from_elsewhere() -> None:
    pages = list(SITE.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        fetched = Fetched()
        fetched.feed(page.read_text(encoding="utf-8"))
        assert not [address for address in fetched.addresses if "//" in address], page
    for style in SITE.rglob("*.css"):
        assert not re.findall(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//", style.read_text(encoding="utf-8")), style


def test_the_first_page_leads_to_the_start() -> None:
    assert (SITE / "docs/index.html").exists()
    assert "url=docs/index.html" in (SITE / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("term", ["keyr", "accel_sm2_verify_many", "chainmak", "memcheck"])
def test_the_search_knows(term: str) -> None:
    assert f'"{term}"' in (SITE / "searchindex.js").read_text(encoding="utf-8")
