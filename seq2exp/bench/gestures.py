"""What a biologist does with the page, done several times: seconds to each part of the answer."""

import statistics
from collections.abc import Callable, Mapping

from seq2exp.bench.measure import Timing
from seq2exp.bench.report import Row, Value, timed
from seq2exp.bench.visit import Run, Visit
from seq2exp.bench.watch import Figure, Trace

#: Rows of what was measured, where a data set has it.
TRACKS = ("dnase", "h3k27ac", "contact")
MASK = ("mask", "evidence", "elements")
EXPRESSION = "Predicted"
#: A gene's last answer, which all others are a share of.
WHOLE = "New gene: expression on screen"


class Timings:
    """Repeats of many things: seconds, and what else was found each time."""

    def __init__(self) -> None:
        self._seconds: dict[str, list[float]] = {}
        self._found: dict[str, list[Mapping[str, float]]] = {}

    def add(self, name: str, seconds: float | None, **found: float) -> None:
        """Add a repeat; None seconds (it did not happen) are no repeat."""
        if seconds is not None:
            self._seconds.setdefault(name, []).append(seconds)
            self._found.setdefault(name, []).append(found)

    def median(self, name: str) -> float:
        """Return the median seconds."""
        return statistics.median(self._seconds[name])

    def rows(self, whole: float | None = None) -> list[Row]:
        """Return a row for each name; its median over `whole` seconds is its share.

        What else was found is noted, as medians.
        """
        rows = []
        for name, seconds in self._seconds.items():
            found = self._found[name]
            medians = {key: statistics.median(each[key] for each in found) for key in found[0]}
            note = ", ".join(_say(key, value) for key, value in medians.items())
            share = None if whole is None else self.median(name) / whole
            rows.append(timed(Timing(name, tuple(seconds), note=note), **medians, share=share))
        return rows


def _say(key: str, value: float) -> str:
    what, _, unit = key.partition("_")
    return f"{what} {value / 1000:,.0f} kB" if unit == "bytes" else f"{what} {value} {unit}"


def _place(figure: Figure) -> tuple[str, tuple[int, int]]:
    return figure.chrom, figure.window


def open_genes(page: Visit, genes: list[str]) -> tuple[Timings, list[Row]]:
    """Open genes by the search box.

    Returns
    -------
    The times over all genes, and a row for each gene, its values in seconds: ``tracks``, ``mask``
    and ``expression`` on screen, ``generator_done`` and ``model_done`` (its predictor) by the
    server's log, how often each half of the network ran, and whether the tracks were on screen
    before the model was done.
    """
    times, rows = Timings(), []
    shown = page.opening.last
    for gene in genes:
        trace = _open(page, gene, shown)
        shown = last = trace.last

        def seconds_to(keys: tuple[str, ...], trace: Trace = trace, last: Figure = last) -> float:
            """Return when these rows of the new gene were first as full as they got."""
            return trace.first_figure(
                lambda figure: (
                    _place(figure) == _place(last)
                    and all(figure.rows.get(key) == last.rows.get(key) for key in keys)
                )
            )

        runs = [run for run in page.runs() if run.at > trace.begun and run.gene == gene]
        # Models of other seeds, for the band around the mask, wait for the one on show.
        runs = [run for run in runs if run.model == runs[0].model]
        generator = [run for run in runs if run.half == "generator"]
        if not generator:
            raise RuntimeError(f"the server's log tells of no run of the generator for {gene}")
        tracks, mask = seconds_to(TRACKS), seconds_to(MASK)
        done, model_done = (run.at - trace.begun for run in (generator[0], runs[-1]))
        found: dict[str, Value] = {
            "tracks": tracks,
            "generator_done": done,
            "model_done": model_done,
            "mask": mask,
            "expression": trace.changed(EXPRESSION),
        }
        times.add("New gene: measured tracks on screen", tracks)
        times.add("New gene: generator done (server's log)", done)
        times.add("New gene: mask on screen", mask)
        times.add(WHOLE, trace.changed(EXPRESSION))
        for run in runs:
            times.add(f"The {run.half} alone (server's log)", run.seconds)
        note = f"tracks after {tracks:.2f} s, model done after {model_done:.2f} s"
        found["generator_runs"] = len(generator)
        found["predictor_runs"] = len(runs) - len(generator)
        found["tracks_first"] = tracks < model_done
        rows.append(Row(gene, found, note=note))
    return times, rows


def _open(page: Visit, gene: str, shown: Figure) -> Trace:
    return page.watch.follow(
        lambda: page.driver.search(gene),
        lambda trace: trace.complete and _place(trace.last) != _place(shown),
    )


def turn_controls(page: Visit, repeats: int) -> tuple[Timings, list[Run]]:
    """Change threshold, prior and rule of the gene on screen, to values not shown before.

    Returns
    -------
    The times, each with how often the predictor ran for it, and all runs since the first change.
    """
    times = Timings()
    before = len(page.runs())
    slide, rule = page.driver.click_slider, page.driver.page.get_by_role
    for turn in range(repeats):
        # Most of a mask lies about the prior's mean, so that is where a threshold tells.
        part = (turn + 1) / repeats
        level = page.driver.slider("Prior mean") * (1 + 0.2 * part)
        _change(page, times, "Threshold, soft rule", slide, "Threshold", level)
        prior = 0.15 + 0.3 * part
        _change(page, times, "Prior, soft rule", slide, "Prior mean", prior)
        _change(page, times, "Rule soft to hard", rule("radio", name="hard").click)
        level = prior * (0.9 + 0.2 * part)
        _change(page, times, "Threshold, hard rule", slide, "Threshold", level)
        _change(page, times, "Rule hard to top", rule("radio", name="top").click)
        _change(page, times, "Rule back to soft, known already", rule("radio", name="soft").click)
    return times, page.runs()[before:]


def _change(
    page: Visit, times: Timings, name: str, gesture: Callable[..., object], *how: object
) -> None:
    """Turn a control and note when the answer's parts were there."""
    before = len(page.runs())
    trace = page.watch.follow(lambda: gesture(*how), lambda trace: trace.complete and trace.redrawn)
    runs = page.runs()[before:]
    times.add(f"{name}: figure", trace.first_figure())
    times.add(f"{name}: elements", trace.changed_elements())
    times.add(
        f"{name}: expression",
        trace.changed(EXPRESSION),
        predictor_runs=sum(run.half == "predictor" for run in runs),
    )


def move_view(page: Visit, repeats: int) -> Timings:
    """Pan and zoom over the gene on screen, to parts of it not shown before."""
    times = Timings()
    driver, keyboard = page.driver, page.driver.page.keyboard
    driver.page.get_by_label("Zoom with the mouse wheel").click()
    driver.page.locator(".s2e-stage").focus()
    for turn in range(repeats):
        if turn:
            driver.press("0")
        start, end = driver.view()
        driver.page.mouse.move(*driver.at(start + (0.2 + 0.6 * turn / repeats) * (end - start)))
        _move(page, times, "Zoom in by a notch of the wheel", driver.page.mouse.wheel, 0, -120)
        _move(page, times, "Zoom in by the key +", keyboard.press, "+")
        start, end = driver.view()
        ends = driver.at((start + end) / 2), driver.at(start + 0.3 * (end - start))
        _move(page, times, "Pan by a drag", driver.drag, *ends)
        _move(page, times, "Pan by an arrow key", keyboard.press, "ArrowLeft")
        _move(page, times, "Zoom out by the key −", keyboard.press, "-")
    return times


def _move(
    page: Visit, times: Timings, name: str, gesture: Callable[..., object], *how: object
) -> None:
    """Move the view and note when its rows were binned for it."""

    def answered(trace: Trace) -> bool:
        return trace.redrawn and list(trace.last.view) == page.driver.view()

    trace = page.watch.follow(lambda: gesture(*how), answered)
    times.add(
        f"{name}: rows binned anew",
        trace.first_figure(lambda figure: figure.view == trace.last.view),
        figure_bytes=trace.last.bytes,
        received_bytes=trace.received,
    )
