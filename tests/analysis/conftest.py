"""A simulated data set with splits that is small enough to be evaluated whole."""

from pathlib import Path

import pytest
import yaml

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
