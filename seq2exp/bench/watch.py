"""What a page showed and when: the moments that ``watch.js`` notes, frame by frame."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from seq2exp.bench.chromium import Driver

if TYPE_CHECKING:
    from playwright.sync_api import Page, WebSocket

#: Seconds without any change after which nothing more is expected; the page polls every 0.4 s.
CALM = 0.5
PENDING = "…"


@dataclass(frozen=True)
class Figure:
    """A genome figure that was drawn.

    Attributes
    ----------
    number
        Counts those of this page, from 1.
    chrom, window
        The part of the gene's window that lies on the chromosome, 0-based half-open.
    view
        What of it is on screen, 0-based half-open.
    rows
        How many of a row's lines and areas have data, by the row's key.
    elements
        Start and end of every learned element, as one text.
    bytes
        Of the figure as Python hands it over, JSON in UTF-8.
    """

    number: int
    chrom: str
    window: tuple[int, int]
    view: tuple[int, int]
    rows: Mapping[str, int]
    elements: str
    bytes: int

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "Figure":
        """Return the figure that the page's script describes."""
        return cls(
            found["number"],
            found["chrom"],
            tuple(found["window"]),
            tuple(found["view"]),
            found["rows"],
            found["elements"],
            found["bytes"],
        )


@dataclass(frozen=True)
class Moment:
    """What the page showed from one frame to the next that differs.

    Attributes
    ----------
    at
        When it was painted, in seconds since 1970.
    figure
        None before the first.
    numbers
        The readout, title to text.
    busy
        Whether Streamlit runs, a job's bar stands there, or a number or row is awaited.
    """

    at: float
    figure: Figure | None
    numbers: Mapping[str, str]
    busy: bool

    @property
    def complete(self) -> bool:
        """Whether the figure and all numbers of the readout are there."""
        known = bool(self.numbers) and PENDING not in "".join(self.numbers.values())
        return known and self.figure is not None


@dataclass(frozen=True)
class Trace:
    """What followed a gesture.

    Attributes
    ----------
    begun
        The gesture, in seconds since 1970.
    before
        What the page showed then; None where it was not open yet.
    moments
        What it showed after, in order.
    received
        Bytes that the server sent meanwhile.
    """

    begun: float
    before: Moment | None
    moments: tuple[Moment, ...]
    received: int

    def first(self, condition: Callable[[Moment], bool]) -> float:
        """Return the seconds from the gesture to the first moment that meets a condition.

        Raises
        ------
        LookupError
            There is none.
        """
        for moment in self.moments:
            if condition(moment):
                return moment.at - self.begun
        raise LookupError("the page never showed what was waited for")

    def first_figure(self, condition: Callable[[Figure], bool] = lambda figure: True) -> float:
        """Return the seconds to the first figure drawn since that meets a condition.

        Raises
        ------
        LookupError
            There is none.
        """
        return self.first(lambda m: m.figure is not None and self._new(m) and condition(m.figure))

    def _new(self, moment: Moment) -> bool:
        old = None if self.before is None else self.before.figure
        return moment.figure is not None and (old is None or moment.figure.number > old.number)

    @property
    def redrawn(self) -> bool:
        """Whether another figure was drawn."""
        return any(self._new(moment) for moment in self.moments)

    @property
    def complete(self) -> bool:
        """Whether the figure and all numbers are on screen at the end."""
        return self.moments[-1].complete

    @property
    def last(self) -> Figure:
        """The figure on screen at the end."""
        figure = self.moments[-1].figure
        assert figure is not None
        return figure

    def changed(self, name: str) -> float | None:
        """Return the seconds to the last change of a number; None where it stayed as it was."""
        text = None if self.before is None else self.before.numbers.get(name)
        found = None
        for moment in self.moments:
            if moment.numbers.get(name) != text:
                text, found = moment.numbers.get(name), moment.at - self.begun
        return found

    def changed_elements(self) -> float | None:
        """Return the seconds to the first figure with other elements; None where there is none."""
        old = None if self.before is None else self.before.figure
        try:
            return self.first_figure(lambda figure: old is None or figure.elements != old.elements)
        except LookupError:
            return None


class Watch:
    """Watches a page from before it is opened.

    Parameters
    ----------
    driver
        Of a page that shows nothing yet.
    """

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._page: Page = driver.page
        self._moments: list[Moment] = []
        self._received = 0
        script = files(__package__).joinpath("watch.js").read_text(encoding="utf-8")
        self._page.add_init_script(script)
        self._page.on("websocket", self._listen)

    def _listen(self, socket: "WebSocket") -> None:
        socket.on("framereceived", self._count)

    def _count(self, payload: str | bytes) -> None:
        self._received += len(payload)

    def follow(
        self,
        gesture: Callable[[], object],
        reached: Callable[[Trace], bool],
        begun: float | None = None,
    ) -> Trace:
        """Do something to the page, wait until it has come to rest, and return what it showed.

        Parameters
        ----------
        gesture
            What is done.
        reached
            Whether the answer is there; the page is at rest when it is not busy after that.
        begun
            When it began, in seconds since 1970; None: at the last key, click or turn of the wheel
            that reached the page during `gesture`.

        Raises
        ------
        TimeoutError
            No answer came, or no rest.
        """
        self._read()
        before = self._moments[-1] if self._moments else None
        self._moments, received = [], self._received
        self._page.evaluate("() => { if (window.__seq2expInputs) __seq2expInputs.length = 0; }")
        gesture()
        if begun is None:
            # A turn of the wheel reaches the page some time after the call that makes it.
            self._driver.until(lambda: self._page.evaluate("() => __seq2expInputs.length"))
            begun = self._page.evaluate("() => __seq2expInputs.at(-1)[0]")
        trace = Trace(begun, before, (), 0)

        def at_rest() -> bool:
            nonlocal trace
            now = self._read()
            trace = Trace(begun, before, tuple(self._moments), self._received - received)
            if not self._moments or self._moments[-1].busy or now - self._moments[-1].at < CALM:
                return False
            return reached(trace)

        self._driver.until(at_rest)
        return trace

    def _read(self) -> float:
        """Take over what the page has noted; return the time there, in seconds since 1970."""
        now, found = self._page.evaluate(
            "() => [(performance.timeOrigin + performance.now()) / 1000,"
            " window.__seq2expSeen ? window.__seq2expSeen.splice(0) : []]"
        )
        for moment in found:
            figure = None if moment["figure"] is None else Figure.of(moment["figure"])
            self._moments.append(Moment(moment["at"], figure, moment["numbers"], moment["busy"]))
        return now
