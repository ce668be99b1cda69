"""A visit to the app: started by its README command, opened in Chromium, its log read along.

What is on screen is noted in the page (`watch`); which half of the network ran, and when it was
done, is what the server's log says, by the same clock.
"""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import seq2exp
from seq2exp.bench.chromium import Driver, serve
from seq2exp.bench.watch import Trace, Watch
from seq2exp.errors import InputError

if TYPE_CHECKING:
    from playwright.sync_api import Browser

#: Pixels; the figure and the numbers above it are on screen at once.
HEIGHT = 1400
_RUN = re.compile(
    r"(?P<at>\S+ \S+) (?P<model>\S+): (?P<half>generator|predictor) for (?P<gene>.+?) in .+ "
    r"(took|ended after) (?P<seconds>[\d.]+) s"
)


@dataclass(frozen=True)
class Run:
    """A run of one half of the network, as the server's log tells.

    Attributes
    ----------
    at
        Its end, in seconds since 1970.
    model
        Its id.
    half
        "generator" or "predictor".
    gene
        Symbol.
    seconds
        How long it took.
    """

    at: float
    model: str
    half: str
    gene: str
    seconds: float


def read_runs(log: str) -> list[Run]:
    """Return the networks' runs that a server's log tells of, also those that were stopped."""
    runs = []
    for line in log.splitlines():
        if found := _RUN.fullmatch(line):
            at = datetime.strptime(found["at"], "%Y-%m-%d %H:%M:%S,%f").timestamp()
            seconds = float(found["seconds"])
            runs.append(Run(at, found["model"], found["half"], found["gene"], seconds))
    return runs


def find_app() -> Path:
    """Return the app's file: beside the package, or in the working folder.

    Raises
    ------
    InputError
        It is in neither.
    """
    places = [Path(seq2exp.__file__).resolve().parent.parent, Path.cwd()]
    for place in places:
        if (place / "app.py").is_file() and (place / "pages" / "browser.py").is_file():
            return place / "app.py"
    raise InputError(
        f"The app's app.py is neither in {places[0]} nor in {places[1]}; "
        "run this in a checkout of the project."
    )


@dataclass(frozen=True)
class Visit:
    """A server that was just started, and its page.

    Attributes
    ----------
    driver, watch
        The page.
    log
        File with what the server says.
    answers
        Seconds from the command to the server's first answer.
    opening
        What the page showed, from the command on.
    """

    driver: Driver
    watch: Watch
    log: Path
    answers: float
    opening: Trace

    def runs(self) -> list[Run]:
        """Return what has run up to now, in order."""
        return read_runs(self.log.read_text(encoding="utf-8", errors="replace"))


@contextmanager
def visit(
    browser: "Browser", log: Path, arguments: Sequence[str], link: Mapping[str, str], width: int
) -> Iterator[Visit]:
    """Start the app and open its page; yield when everything is there.

    Parameters
    ----------
    browser
        Runs already, as a user's does.
    log
        File for what the server says.
    arguments
        Of the app, after the two dashes.
    link
        Parameters in the page's address.
    width
        Of the page, in px.
    """
    with closing(browser.new_context(viewport={"width": width, "height": HEIGHT})) as context:
        driver = Driver(context.new_page())
        watch = Watch(driver)
        begun = time.time()
        with serve(find_app(), log, arguments) as url:
            answers = time.time() - begun
            address = f"{url}/?{urlencode(link, quote_via=quote)}"
            opening = watch.follow(
                lambda: driver.page.goto(address), lambda trace: trace.complete, begun
            )
            yield Visit(driver, watch, log, answers, opening)
