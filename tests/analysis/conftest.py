"""Data sets that are small enough: a simulated one to be evaluated whole, one to be trained on."""

import importlib.util
from pathlib import Path

import pytest
import yaml

from seq2exp.datasets.catalog import Cell, Dataset
from seq2exp.datasets.simulate import make_demo
from seq2exp.datasets.simulate.plan import TINY


@pytest.fixture(scope="session")
def evaluation_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's tiny data set, whose one chromosome is validation and test."""
    path = make_demo(tmp_path_factory.mktemp("evaluation") / "tiny", "tiny")
    content = yaml.safe_load(path.read_text())
    content["splits"] = {"validation": [TINY], "test": [TINY]}
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture(scope="session")
def dataset(evaluation_demo: Path) -> Dataset:
    """The data set that is evaluated."""
    return Dataset.load(evaluation_demo)


@pytest.fixture(scope="session")
def cell(dataset: Dataset) -> Cell:
    """Its first cell type."""
    return next(iter(dataset.cells.values()))


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data set that the tests of training use; nothing is planted in it."""
    path = Path(__file__).parents[1] / "training" / "conftest.py"
    found = importlib.util.spec_from_file_location("training_data", path)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module.write_dataset(tmp_path_factory.mktemp("small"))
