"""A page in Chromium with the genome browser on it, and short words for what a user does."""

import re
from collections.abc import Callable

import pytest


class Driver:
    """A page with the component, and words for what a user does."""

    def __init__(self, page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.set_default_timeout(90_000)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda m: m.type == "error" and self.errors.append(m.text))

    def view(self) -> list[int]:
        """What the status line says, 0-based half-open."""
        text = self.page.locator(".s2e-locus").inner_text()
        start, end = re.fullmatch(r"\w+:([\d,]+)-([\d,]+)", text).groups()
        return [int(start.replace(",", "")) - 1, int(end.replace(",", ""))]

    def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(900):
            if condition():
                return
            self.page.wait_for_timeout(100)
        pytest.fail(f"waited in vain at {self.view()}; page errors: {self.errors}")

    def settle(self) -> None:
        """Wait until Python has answered and its figure is drawn."""
        self.page.wait_for_timeout(250)
        self.until(lambda: not self.page.locator(".s2e-waiting").count())
        self.page.wait_for_timeout(250)

    def plot(self) -> tuple[float, float, float, float]:
        """Left, top, width and height of the plotting area on the page."""
        box = self.page.locator(".s2e-plot").bounding_box()
        size = self.page.evaluate("() => document.querySelector('.s2e-plot')._fullLayout._size")
        return box["x"] + size["l"], box["y"] + size["t"], size["w"], size["h"]

    def at(self, position: float, depth: float = 0.5) -> tuple[float, float]:
        """Where a genome position is on the page."""
        left, top, width, height = self.plot()
        start, end = self.view()
        return left + (position - start) / (end - start) * width, top + depth * height

    def drag(self, source: tuple[float, float], target: tuple[float, float]) -> None:
        self.page.mouse.move(*source)
        self.page.mouse.down()
        self.page.mouse.move(*target, steps=6)
        self.page.mouse.up()

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.settle()
