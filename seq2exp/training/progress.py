"""A progress bar with the time left on a terminal, and now and then a line where there is none."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

QUIET = 30.0  # seconds between two lines of one stage in a log file


class RichProgress:
    """A ``progress(fraction, text)`` callback that draws; use it in a ``with`` block.

    What stands before the first ":" of the text names the stage; each stage has its own bar.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self._bars = Progress(
            BarColumn(30),
            TextColumn("{task.percentage:3.0f} %"),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            TextColumn("left:"),
            TimeRemainingColumn(),
            console=self.console,
        )
        self._tasks: dict[str, TaskID] = {}
        self._begun: dict[str, tuple[float, float]] = {}
        self._said = 0.0

    def __enter__(self) -> "RichProgress":
        """Start drawing."""
        if self.console.is_terminal:
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the bars as they are."""
        if self.console.is_terminal:
            self._bars.stop()

    def __call__(self, fraction: float, text: str) -> None:
        """Show that `text` is where things are and `fraction` of its stage is done."""
        stage = text.split(":")[0]
        if self.console.is_terminal:
            if stage not in self._tasks:
                self._tasks[stage] = self._bars.add_task(text, total=1.0)
            self._bars.update(self._tasks[stage], completed=fraction, description=text)
            return
        now = time.monotonic()
        since, first = self._begun.setdefault(stage, (now, fraction))
        if fraction >= 1 or now - self._said >= QUIET:
            self._said = now
            # A resumed stage does not begin at 0; only what was done since tells the speed.
            done = fraction - first
            left = f"{(now - since) * (1 - fraction) / done / 60:.1f} min" if done > 0 else "?"
            self.console.print(f"{fraction:4.0%} {text} (left: {left})", highlight=False)
