"""Debian's Chromium, driven by Playwright."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


def install_chromium() -> None:
    """From Debian, as root of a build machine."""
    options = ["-qq", "-o", "DPkg::Lock::Timeout=120"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["install", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core"]
    for command in (["update"], install):
        subprocess.run(
            ["apt-get", *options, *command], env=environment, capture_output=True, timeout=300
        )


@contextmanager
def launched() -> Iterator:
    """The browser; the test that asks for it is skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api")
    if find_chromium() is None and os.geteuid() == 0 and shutil.which("apt-get"):
        install_chromium()
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium here: install it (Debian: apt install chromium)")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def open_page(url: str, width: int = 1280, height: int = 900) -> Iterator[tuple]:
    """A page, and a list that fills with its errors and its requests to the network."""
    with launched() as browser:
        page = browser.new_page(viewport={"width": width, "height": height})
        faults: list[str] = []
        page.on("console", lambda m: m.type == "error" and faults.append(m.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda r: r.url.startswith("http") and faults.append(r.url))
        page.goto(url)
        yield page, faults
