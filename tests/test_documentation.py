"""The code in the documentation runs as it stands there, each page from top to bottom."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(("page", "least"), [("README.md", 7), ("docs/python.md", 5)])
def test_the_code_on_the_page(page: str, least: int) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    assert len(blocks) >= least
    names: dict[str, object] = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, page, "exec"), names)


def test_links_lead_somewhere() -> None:
    pages = [
        path
        for pattern in ("*.md", "docs/*.md", "bench/*.md", "csrc/*/*.md", "examples/**/*.md")
        for path in ROOT.glob(pattern)
    ]
    links = [
        (page, target)
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
        if "://" not in target
    ]
    assert len(links) > 15
    assert not [(page.name, target) for page, target in links if not page.parent.joinpath(target).exists()]
