"""What is opened once and shared by all browser sessions: data sets, models, running jobs."""

import argparse
import gc
import logging
import sys
from functools import cache, lru_cache
from pathlib import Path
from typing import NoReturn

import pandas as pd
import streamlit as st

from seq2exp.datasets.adding import Store
from seq2exp.datasets.catalog import Dataset
from seq2exp.datasets.simulate import demo_dataset
from seq2exp.datasets.truth import PlantedTruth
from seq2exp.errors import InputError
from seq2exp.files import digest
from seq2exp.genome.window import Window
from seq2exp.inference.jobs import Job, JobBoard
from seq2exp.inference.models import models_dir
from seq2exp.inference.predictor import Predictor
from seq2exp.model.checkpoint import ModelEntry, list_any, list_models
from seq2exp.tracks.peaks import PeakCaller

DEMO = "demo"


@lru_cache
def arguments() -> argparse.Namespace:
    """Return what stands after ``--``: ``--dataset FILE --root DIR --results DIR``.

    Raises
    ------
    InputError
        For anything else there.
    """
    parser = _Parser(prog="streamlit run app.py --", add_help=False, allow_abbrev=False)
    parser.add_argument("--dataset", default=DEMO)
    parser.add_argument("--root", default="")
    parser.add_argument("--results", default="")
    return parser.parse_args(sys.argv[1:])


class _Parser(argparse.ArgumentParser):
    """Leaves it to the page to say what is wrong; the parser's own way is to end the server."""

    def error(self, message: str) -> NoReturn:
        raise InputError(
            f"The command line has a mistake ({message}); "
            f"write: {self.prog} --dataset FILE --root FOLDER --results FOLDER"
        )


def write_log() -> None:
    """Let the server's log tell what runs: each half of a network, for what and for how long."""
    # Does nothing where the log is set up already, as it is after the first run of the page.
    logging.basicConfig(format="%(asctime)s %(message)s")
    logging.getLogger("seq2exp").setLevel(logging.INFO)


def settle() -> None:
    """Take what imports made out of the garbage collector's sight, where there were any since.

    Streamlit collects garbage after every run of a script, each poll of a progress bar included;
    to go through all that torch and the others consist of takes a quarter of a second, in which
    nothing else runs, the model neither.
    """
    _settle(len(sys.modules))


@cache
def _settle(modules: int) -> None:
    gc.collect()
    gc.freeze()


@st.cache_resource(show_spinner=False)
def boards() -> dict[str, JobBoard]:
    """Return the job boards: one worker each, so that peaks never wait for a model."""
    return {
        "setup": JobBoard(keep=4),
        "model": JobBoard(keep=24),
        "expression": JobBoard(keep=32),
        "peaks": JobBoard(keep=24),
        "data": JobBoard(keep=8),
        "experiments": JobBoard(keep=64),
        # Each result holds a whole mask for each seed.
        "seeds": JobBoard(keep=6),
        # Results over many genes, some of them large.
        "compare": JobBoard(keep=9),
        "hubs": JobBoard(keep=12),
    }


def open_dataset(path: str, root: str) -> Dataset:
    """Open a data set with the cell types that were added to it; `root` may be empty.

    Where those cannot be opened (a file of theirs is gone, say), that is said, and the data set
    opens without them.
    """
    own = Store.of(path, root)
    if own.path.is_file():
        try:
            return _open_dataset(str(own.path), "", digest(own.path))
        except InputError as error:
            st.warning(
                f"The added cell types are left out: {error} Put the file back, or remove the cell "
                "type on the Data page.",
                icon=":material/link_off:",
            )
    return _open_dataset(path, root, "")


@st.cache_resource(max_entries=6, show_spinner="Opening the data set …")
def _open_dataset(path: str, root: str, content: str) -> Dataset:
    return Dataset.load(path, root=root or None)


def store_of_opened() -> Store:
    """Return where the cell types are kept that are added to the data set on show."""
    asked = arguments()
    return Store.of(demo_job().result if asked.dataset == DEMO else asked.dataset, asked.root)


def demo_job() -> Job:
    """Return the job that makes the demo data (or finds them in the cache)."""
    return boards()["setup"].start(DEMO, lambda progress: str(demo_dataset(progress)))


@st.cache_resource(max_entries=3, show_spinner=False)
def _predictor(path: str, content: str) -> Predictor:
    loaded = Predictor(Path(path))
    settle()  # while the page polls, rather than when it runs again
    return loaded


def predictor(entry: ModelEntry) -> Predictor:
    """Return the loaded model; another file or other settings at the same place are loaded anew.

    Loading takes seconds where a kernel must be built first, so it belongs into a job.
    """
    return _predictor(str(entry.path), entry.content)


@st.cache_resource(max_entries=64, show_spinner="Reading the tracks …")
def window(digest: str, gene: str, cell: str, _dataset: Dataset) -> Window:
    """Return a gene's window; keyed by the data set's content, shared by all sessions."""
    return _dataset.window(gene, cell)


@st.cache_resource(max_entries=12, show_spinner=False)
def peak_caller(digest: str, cell: str, _dataset: Dataset) -> PeakCaller:
    """Return what calls (or reads) the peaks of a cell type."""
    return PeakCaller.for_cell(_dataset.cells[cell], _dataset.genome)


@st.cache_resource(max_entries=4, show_spinner=False)
def _planted(digest: str, _dataset: Dataset) -> PlantedTruth:
    return PlantedTruth(_dataset)


def planted(dataset: Dataset) -> PlantedTruth | None:
    """Return what was planted in simulated data; None for measured data."""
    return _planted(dataset.digest, dataset) or None


def truth(dataset: Dataset, gene: str, cell: str) -> pd.DataFrame | None:
    """Return what was planted around a gene; None for measured data."""
    everything = planted(dataset)
    return None if everything is None else everything.of(gene, cell)


def all_models() -> dict[str, ModelEntry]:
    """Return the models of the models folder by id, those with a mask first.

    So the first one is the same here and in `models`, which is what a page starts with.
    """
    masked = models()
    others = {entry.id: entry for entry in list_any(models_dir()) if entry.id not in masked}
    return masked | others


def models() -> dict[str, ModelEntry]:
    """Return those that learn a mask, which the Browser can show, by id."""
    return {entry.id: entry for entry in list_models(models_dir())}
