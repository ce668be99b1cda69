"""The page as a user feels it: seconds from a gesture to the frame that shows its answer."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from seq2exp.bench.chromium import chromium
from seq2exp.bench.gestures import WHOLE, Timings, move_view, open_genes, turn_controls
from seq2exp.bench.measure import Progress
from seq2exp.bench.report import Row, Section
from seq2exp.bench.visit import Run, Visit, find_app, visit
from seq2exp.datasets.catalog import Dataset
from seq2exp.datasets.simulate import demo_dataset
from seq2exp.errors import InputError, nearest
from seq2exp.genome.annotation import Gene
from seq2exp.inference.models import models_dir
from seq2exp.model.checkpoint import list_models


@dataclass(frozen=True)
class Options:
    """What is measured.

    Attributes
    ----------
    dataset, root
        A dataset.yaml, or "demo", and the folder that its paths start from; "": the file's own.
    model
        Id of one of the models that the app offers; "": the first.
    genes
        How many genes are opened after the first.
    repeats
        Of every other gesture, and of the app's start.
    width
        Of the page, in px.
    cache
        The app's cache folder; "": a temporary one, so that the demo is made anew.
    device
        Where the app runs the model.
    """

    dataset: str = "demo"
    root: str = ""
    model: str = ""
    genes: int = 5
    repeats: int = 5
    width: int = 1280
    cache: str = ""
    device: str = "cpu"


def sections(options: Options, progress: Progress) -> Iterator[Section]:
    """Start the app, use it as a biologist does, and yield what it took.

    Raises
    ------
    InputError
        Chromium, the app's file or the model is missing, or the data set has too few genes.
    """
    find_app()
    link = {"model": _model(options.model)}
    arguments = []
    if options.dataset != "demo":
        Dataset.load(options.dataset, root=options.root or None)  # what is wrong shows at once
        arguments.append(f"--dataset={Path(options.dataset).resolve()}")
    if options.root:
        arguments.append(f"--root={Path(options.root).resolve()}")
    steps = options.repeats + 4
    starts = Timings()
    with chromium() as browser, _cache(options.cache) as folder, _temporary() as logs:
        empty = not any(folder.iterdir())
        for number in range(options.repeats + empty):
            progress(number / steps, f"start {number + 1} of {options.repeats + empty}")
            with visit(browser, logs / f"{number}.log", arguments, link, options.width) as page:
                first = empty and number == 0
                _note_start(starts, page, "First start, empty cache" if first else "Start")
                if number == options.repeats + empty - 1:
                    yield Section("start", "Start", "From the command", starts.rows())
                    yield from _session(page, options, progress)
                if page.driver.errors:
                    raise RuntimeError(f"the page's scripts failed: {page.driver.errors}")
    progress(1.0, "measured")


def _session(page: Visit, options: Options, progress: Progress) -> Iterator[Section]:
    """Use an open page."""
    steps = options.repeats + 4
    demo = options.dataset == "demo"
    dataset = Dataset.load(demo_dataset() if demo else options.dataset, root=options.root or None)
    progress(options.repeats / steps, "new genes")
    times, genes = open_genes(page, choose_genes(dataset, options.genes))
    whole = times.median(WHOLE)
    share = "Share: of a new gene's way to its expression, in the same session."
    yield Section(
        "gene", "A gene that was not open before", "From Enter", times.rows(whole), [share]
    )
    yield Section("genes", "Each of these genes", "Gene", genes)
    progress((options.repeats + 1) / steps, "threshold, prior and rule")
    changes, runs = turn_controls(page, options.repeats)
    yield Section(
        "control",
        "The last gene's mask under other settings",
        "From the click",
        changes.rows(whole),
        [share],
    )
    progress((options.repeats + 3) / steps, "pan and zoom")
    moves = move_view(page, options.repeats)
    yield Section(
        "view",
        "Pan and zoom",
        "From the gesture",
        moves.rows(),
        ["Figure: as JSON. Received: all that the server sent from the gesture on."],
    )
    yield Section("requirements", "What must hold", "What", _requirements(genes, runs))


def _model(name: str) -> str:
    """Return the id of the model asked for, of those that the app offers."""
    offered = [entry.id for entry in list_models(models_dir())]
    if not offered:
        raise InputError(
            f"There are no models in {models_dir()}; put one there, made by 'seq2exp train'."
        )
    if name and name not in offered:
        raise InputError(f"The app offers no model '{name}'; {nearest(name, offered)}")
    return name or offered[0]


@contextmanager
def _temporary() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="seq2exp-bench-") as folder:
        yield Path(folder)


@contextmanager
def _cache(folder: str) -> Iterator[Path]:
    """Make a folder the cache of this process and of those it starts; "": one that is removed."""
    before = os.environ.get("SEQ2EXP_CACHE")
    with _temporary() as own:
        chosen = Path(folder).resolve() if folder else own
        chosen.mkdir(parents=True, exist_ok=True)
        os.environ["SEQ2EXP_CACHE"] = str(chosen)
        try:
            yield chosen
        finally:
            del os.environ["SEQ2EXP_CACHE"]
            if before is not None:
                os.environ["SEQ2EXP_CACHE"] = before


def _note_start(starts: Timings, page: Visit, name: str) -> None:
    starts.add(f"{name}: server answers", page.answers)
    starts.add(f"{name}: figure on screen", page.opening.first_figure())
    starts.add(f"{name}: all numbers on screen", page.opening.first(lambda m: m.complete))


def choose_genes(dataset: Dataset, count: int) -> list[str]:
    """Return symbols of measured genes all over the genome, without the one that opens first.

    Raises
    ------
    InputError
        The data set has fewer.
    """
    first = dataset.locate(dataset.default_gene)
    opened = first.id if isinstance(first, Gene) else ""
    ids = [id for id in dataset.example_genes(next(iter(dataset.cells))) if id != opened]
    if len(ids) < count:
        raise InputError(
            f"{dataset.name} has {len(ids)} measured genes to open; give --genes no more."
        )
    return [dataset.gene(ids[len(ids) * place // count]).name for place in range(count)]


def _requirements(genes: list[Row], changes: list[Run]) -> list[Row]:
    """Return what must hold of every gene and every change, and how often it did."""
    first = sum(bool(row.values["tracks_first"]) for row in genes)
    once = sum(row.values["generator_runs"] == 1 for row in genes)
    again = sum(run.half == "generator" for run in changes)
    alone = len(changes) - again
    return [
        Row(
            "Tracks are on screen before the model is done",
            {"held": first, "of": len(genes)},
            note=f"{first} of {len(genes)} genes",
        ),
        Row(
            "The generator runs once for a gene",
            {"held": once, "of": len(genes)},
            note=f"{once} of {len(genes)} genes",
        ),
        Row(
            "Threshold, prior and rule run the predictor alone",
            {"generator_runs": again, "predictor_runs": alone},
            note=f"generator {again} times, predictor {alone} times",
        ),
    ]
