"""What stands on the page while the model is still being loaded."""

import gc
import sys
import threading
from types import ModuleType

import pandas as pd
import pytest
import torch

from pages.parts import resources
from seq2exp.inference.predictor import Predictor

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def gate(monkeypatch):
    """What a model waits for before it loads (at most 30 s), and what tells that one did."""
    opened, loaded = threading.Event(), threading.Event()
    load = Predictor.__init__

    def slowly(self, *arguments, **options):
        opened.wait(30)
        load(self, *arguments, **options)
        loaded.set()

    monkeypatch.setattr(Predictor, "__init__", slowly)
    resources.boards.clear()
    resources._predictor.clear()
    yield opened, loaded
    opened.set()


def test_the_tracks_do_not_wait_for_the_model_to_load(gate, open_app):
    opened, loaded = gate
    app = open_app(cell="sim-lymphoid")  # returns when the page is drawn to its end
    assert not loaded.is_set()
    numbers = app.numbers()
    assert float(numbers["Measured"]) > 0
    assert numbers["Predicted"] == numbers["Model run"] == "…"
    opened.set()
    assert "…" not in app.settle().numbers().values()
    assert loaded.is_set()


def test_a_damaged_model_leaves_the_tracks(open_app, tmp_path, monkeypatch, tiny_models):
    for file in tiny_models.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = tmp_path / "tiny-soft.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    monkeypatch.setenv("SEQ2EXP_MODELS", str(tmp_path))
    app = open_app().settle()
    (said,) = app.errors()
    assert "tiny-soft.safetensors" in said
    assert not app.table("peaks").empty


def seen(thing) -> bool:
    """Whether the garbage collector goes through a thing."""
    return any(one is thing for one in gc.get_objects())


def test_the_collection_after_each_run_leaves_imports_alone(gate, open_app):
    opened, _ = gate
    gc.unfreeze()
    resources._settle.cache_clear()
    assert seen(pd.DataFrame) and seen(torch.nn.Module)
    opened.set()
    open_app().settle()
    assert not seen(pd.DataFrame) and not seen(torch.nn.Module)


def test_what_is_made_between_imports_is_collected(monkeypatch):
    resources.settle()
    mine = ModuleType("mine")
    resources.settle()
    assert seen(mine)
    monkeypatch.setitem(sys.modules, "mine", mine)
    resources.settle()
    assert not seen(mine)
