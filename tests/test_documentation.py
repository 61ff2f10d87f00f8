"""The code in the documentation runs as it stands there, each page from top to bottom."""

import re
import subprocess
from pathlib import Path

import pytest

from accel import _native

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("page", "least"), [("README.md", 7), ("docs/python.md", 5), ("docs/users/hardware.md", 1), ("docs/devices.md", 6)]
)
def test_the_code_on_the_page(page: str, least: int) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    assert len(blocks) >= least
    names: dict[str, object] = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, page, "exec"), names)


@pytest.mark.parametrize(
    ("number", "printed"),
    [
        (0, "transaction 17: BAD_SIGNATURE\n"),
        (1, "0\n"),  # zeros are no key
    ],
)
def test_the_programs_on_the_page_for_node_developers(tmp_path: Path, number: int, printed: str) -> None:
    text = (ROOT / "docs/users/node-developers.md").read_text(encoding="utf-8")
    programs = re.findall(r"^```c\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    assert len(programs) == 2
    (tmp_path / "program.c").write_text(programs[number], encoding="utf-8")
    installed = Path(_native.__file__).parent
    libraries = ["-L", installed / "lib", f"-Wl,-rpath,{installed / 'lib'}", "-laccel"]
    warnings = ["-std=c11", "-Wall", "-Wextra", "-Werror"]
    built = tmp_path / "program"
    subprocess.run(
        ["gcc", *warnings, "-I", installed / "include", "-o", built, tmp_path / "program.c", *libraries], check=True
    )
    ran = subprocess.run([built], check=True, capture_output=True, text=True)
    assert ran.stdout == printed
    assert number > 0 or f"`{ran.stdout.strip()}`" in text


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
