"""A page of the benchmark in a real browser: Debian's Chromium, without a window, driven by selenium.

Chromium gets no network: what the page would load from elsewhere fails, and is told by `Browser.requests`.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

PROGRAMS = ("chromium", "chromedriver")
ARGUMENTS = (
    "--headless=new",
    "--disable-gpu",
    "--disable-dev-shm-usage",  # containers have little
    "--hide-scrollbars",
    "--host-rules=MAP * ~NOTFOUND",
)
SECONDS = 60
MARGIN = 16


def missing() -> str | None:
    """The Debian packages that are not there, in words; None if nothing is missing."""
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    return f"not installed: {', '.join(absent)} (Debian: chromium, chromium-driver)" if absent else None


class Browser:
    """One page, drawn."""

    def __init__(self, driver: WebDriver) -> None:
        self.driver = driver

    def open(self, path: Path) -> None:
        """Open a file and wait until its plots are drawn."""
        self.driver.get(path.absolute().as_uri())
        WebDriverWait(self.driver, SECONDS).until(
            lambda _: self.script("return document.documentElement.dataset.plots")
        )

    def size(self, width: int, height: int, *, mobile: bool = False, dark: bool = False) -> None:
        """The window's size in CSS pixels, for pages that are opened from now on."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self._command("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._command("Emulation.setEmulatedMedia", {"features": [scheme]})

    def script(self, source: str, *arguments: object) -> Any:
        """What a function body in JavaScript returns."""
        return self.driver.execute_script(source, *arguments)

    def messages(self) -> list[str]:
        """What the console has got since the last call: errors, and whatever else."""
        return [f"{entry['level']}: {entry['message']}" for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """The addresses of everything that was asked for since the last call."""
        entries = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [
            entry["params"]["request"]["url"] for entry in entries if entry["method"] == "Network.requestWillBeSent"
        ]

    def picture(self, selector: str | None = None) -> bytes:
        """A PNG of what the window shows, or of the first element that a CSS selector finds."""
        parameters: dict[str, Any] = {"format": "png"}
        if selector is not None:
            box = self.script(
                "const { x, y, width, height } = document.querySelector(arguments[0]).getBoundingClientRect();"
                "const [margin, left, top] = [arguments[1], x + window.scrollX, y + window.scrollY];"
                "return { x: left - margin, y: top - margin, width: width + 2 * margin, height: height + 2 * margin };",
                selector,
                MARGIN,
            )
            parameters |= {"captureBeyondViewport": True, "clip": box | {"scale": 1}}
        return base64.b64decode(self._command("Page.captureScreenshot", parameters)["data"])

    def print(self) -> bytes:
        """The page as PDF, on A4."""
        paper = {"paperWidth": 8.27, "paperHeight": 11.69, "printBackground": True}
        return base64.b64decode(self._command("Page.printToPDF", paper)["data"])

    def _command(self, name: str, parameters: dict[str, Any]) -> Any:
        return self.driver.execute_cdp_cmd(name, parameters)


@contextmanager
def browser() -> Iterator[Browser]:
    """Start Chromium; it ends with the block.

    Raises:
        RuntimeError: a program is missing; the sentence names the packages.
    """
    if sentence := missing():
        raise RuntimeError(sentence)
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in ARGUMENTS:
        options.add_argument(argument)
    if os.geteuid() == 0:  # Chromium refuses its sandbox to root, as in a container
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
