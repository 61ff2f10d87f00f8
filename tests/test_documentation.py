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


@pytest.mark.parametrize("page", ["README.md", "HACKING.md", "CONTRIBUTING.md", "SECURITY.md", "docs/threat-model.md"])
def test_the_links_on_the_page(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in target]
    assert targets
    missing = [target for target in targets if not (ROOT / page).parent.joinpath(target).exists()]
    assert not missing
