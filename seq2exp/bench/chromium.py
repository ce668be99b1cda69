"""The app as a server of its own, Chromium in front of it, and short words for what a user does.

The bench of the page and the browser tests drive the app through this module. It needs playwright,
and starts Streamlit as a process without importing it.
"""

import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from seq2exp.errors import InputError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
#: Seconds until a server that starts is given up.
START_SECONDS = 90


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serve(
    script: Path,
    log: Path,
    arguments: Sequence[str] = (),
    options: Sequence[str] = (),
    prefix: str = "",
) -> Iterator[str]:
    """Start ``streamlit run`` on a free port; yield its address once it answers, end it after.

    Parameters
    ----------
    script
        Runs in its own folder.
    log
        File for what the server says.
    arguments
        Of the script, after the two dashes.
    options
        Of Streamlit, beside those that keep it from opening a browser and from calling home.
    prefix
        Path below which the app lies, as behind a proxy.

    Raises
    ------
    RuntimeError
        The server ended or did not answer; its last words are in the message.
    """
    port = _free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.headless=true"]
    command += [f"--server.port={port}", f"--server.baseUrlPath={prefix}"]
    command += ["--browser.gatherUsageStats=false", *options, "--", *arguments]
    with log.open("w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, cwd=script.parent)
    url = f"http://localhost:{port}/{prefix}".rstrip("/")
    try:
        _wait_for(f"{url}/_stcore/health", process, log)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"the app's server does not answer: {log.read_text()[-2000:]}")


@contextmanager
def chromium() -> Iterator["Browser"]:
    """Start a headless Chromium: the system's, or the one that playwright installed.

    Raises
    ------
    InputError
        Playwright or Chromium is missing; the message says how to install it.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise InputError(
            "The page is driven with playwright, which is not installed; "
            "run: pip install -e '.[bench]'"
        ) from None
    with sync_playwright() as engine:
        found = shutil.which("chromium") or shutil.which("chromium-browser")
        path = Path(found or engine.chromium.executable_path)
        if not path.is_file():
            raise InputError(
                "There is no Chromium to open the page in; run: apt-get install chromium, "
                "or: playwright install --with-deps chromium"
            )
        browser = engine.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Driver:
    """A page with the genome browser on it, and words for what a user does.

    Attributes
    ----------
    page
        Playwright's.
    errors
        What the page's scripts complained of.
    """

    def __init__(self, page: "Page") -> None:
        self.page = page
        self.errors: list[str] = []
        page.set_default_timeout(90_000)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)

    def view(self) -> list[int]:
        """Return what the status line says, 0-based half-open."""
        text = self.page.locator(".s2e-locus").inner_text()
        match = re.fullmatch(r"\w+:([\d,]+)-([\d,]+)", text)
        if match is None:
            raise RuntimeError(f"the browser shows no locus but {text!r}")
        start, end = (int(number.replace(",", "")) for number in match.groups())
        return [start - 1, end]

    def until(self, condition: Callable[[], bool], seconds: float = 90) -> None:
        """Wait until something holds.

        Raises
        ------
        TimeoutError
            It does not for so many seconds; the message has the page's errors.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if condition():
                return
            self.page.wait_for_timeout(100)
        raise TimeoutError(f"waited in vain on {self.page.url}; page errors: {self.errors}")

    def soon(self, condition: Callable[[], bool], seconds: float = 10) -> bool:
        """Tell whether something holds within so many seconds."""
        try:
            self.until(condition, seconds)
        except TimeoutError:
            return False
        return True

    def settle(self) -> None:
        """Wait until Python has answered and its figure is drawn."""
        self.page.wait_for_timeout(250)
        self.until(lambda: not self.page.locator(".s2e-waiting").count())
        self.page.wait_for_timeout(250)

    def plot(self) -> tuple[float, float, float, float]:
        """Return left, top, width and height of the plotting area on the page, in px."""
        box = self.page.locator(".s2e-plot").bounding_box()
        if box is None:
            raise RuntimeError("the page shows no figure")
        size = self.page.evaluate("() => document.querySelector('.s2e-plot')._fullLayout._size")
        return box["x"] + size["l"], box["y"] + size["t"], size["w"], size["h"]

    def at(self, position: float, depth: float = 0.5) -> tuple[float, float]:
        """Return where a genome position is on the page, in px."""
        left, top, width, height = self.plot()
        start, end = self.view()
        return left + (position - start) / (end - start) * width, top + depth * height

    def drag(self, source: tuple[float, float], target: tuple[float, float]) -> None:
        """Press the mouse at one place and let it go at another."""
        self.page.mouse.move(*source)
        self.page.mouse.down()
        self.page.mouse.move(*target, steps=6)
        self.page.mouse.up()

    def press(self, key: str) -> None:
        """Press a key and wait for what follows."""
        self.page.keyboard.press(key)
        self.settle()

    def search(self, text: str) -> None:
        """Type a gene or locus into the search box, the way the key / leads there."""
        self.page.locator(".s2e-stage").focus()
        self.page.keyboard.press("/")
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")

    def slider(self, name: str) -> float:
        """Return where a slider stands."""
        return float(self.page.get_by_role("slider", name=name).input_value())

    def click_slider(self, name: str, value: float) -> None:
        """Click a slider's track where a value stands on it."""
        slider = self.page.get_by_role("slider", name=name)
        low, high = (float(slider.get_attribute(end) or 0) for end in ("min", "max"))
        track = slider.locator("xpath=ancestor::*[@role='group'][1]/*[@data-orientation]")
        box = track.bounding_box()
        if box is None:
            raise RuntimeError(f"the page shows no slider {name}")
        share = min(max((value - low) / (high - low), 0.0), 1.0)
        self.page.mouse.click(box["x"] + share * box["width"], box["y"] + 2)
