"""Edits of the inputs: mask and expression follow, and each edit can be taken back."""

import json

import pytest
import streamlit as st

from pages.parts import resources
from seq2exp.datasets.catalog import Dataset
from seq2exp.export.session import parse_session
from seq2exp.genome.locus import Interval
from seq2exp.inference.perturb import Edit, apply_edits
from seq2exp.inference.predictor import Predictor

pytestmark = pytest.mark.usefixtures("quick")
CELL = "sim-lymphoid"


@pytest.fixture(scope="module")
def window(demo):
    dataset = Dataset.load(demo)
    return dataset.window(dataset.default_gene, CELL)


@pytest.fixture(scope="module")
def predict(tiny_models, window):
    """What the small network says of the window with edits, as the readout shows it."""
    predictor = Predictor(tiny_models / "tiny-soft.safetensors")

    def predicted(*edits: Edit) -> str:
        return f"{predictor.predict(apply_edits(window, edits).window).expression:.3f}"

    return predicted


@pytest.fixture(scope="module")
def app(open_app, quick):
    resources.boards.clear()
    return open_app(cell=CELL).settle()


@pytest.fixture
def span(window):
    """A stretch with an open promoter in it."""
    return Interval(window.interval.chrom, window.gene.tss - 2_000, window.gene.tss + 2_000)


def apply(app, span, action, signal="DNase", value=None):
    app.at.text_input("edit-span").set_value(str(span))
    app.at.selectbox("edit-signal").set_value(signal)
    app.at.segmented_control("edit-action").set_value(action)
    app.run()
    if value is not None:
        app.at.number_input({"scale": "edit-factor", "paint": "edit-value"}[action]).set_value(
            value
        )
    button(app, "Apply the edit").click()
    return app.settle()


def button(app, label):
    return next(one for one in app.at.button if one.label == label)


def infos(app):
    return "\n".join(box.value for box in app.at.info)


def saved(app) -> str:
    """What the button that saves the session would hand out."""
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        true = st.download_button

        def kept(label, data, *more, **options):
            made[options.get("file_name", "")] = data
            return true(label, data, *more, **options)

        patch.setattr(st, "download_button", kept)
        app.run()
    (make,) = [make for name, make in made.items() if name.endswith(".session.json")]
    return make()


def test_edits_move_the_prediction_and_are_undone_one_by_one(app, predict, span):
    plain = app.numbers()["Predicted"]
    assert plain == predict()
    apply(app, span, "scale", value=0.0)
    closed = Edit(span, "scale", "DNase", 0.0)
    assert app.numbers()["Predicted"] == predict(closed) != plain
    assert f"instead of {plain}" in infos(app) and "1 edit of the inputs" in infos(app)
    apply(app, span, "paint", "H3K27ac", 50.0)
    painted = Edit(span, "paint", "H3K27ac", 50.0)
    assert app.numbers()["Predicted"] == predict(closed, painted)
    assert "2 edits of the inputs" in infos(app)
    # The first is taken back, the second stays.
    button(app, "Undo").click()
    assert app.settle().numbers()["Predicted"] == predict(painted)
    button(app, "Undo").click()
    assert app.settle().numbers()["Predicted"] == plain
    assert "edit" not in infos(app)


def test_edits_elsewhere_change_nothing_here(app, window):
    plain = app.numbers()["Predicted"]
    far = Interval(
        window.interval.chrom, window.interval.end + 10_000, window.interval.end + 11_000
    )
    apply(app, far, "flatten", "Hi-C")
    assert app.numbers()["Predicted"] == plain
    assert "edit" not in infos(app)  # of this window's inputs there is none
    button(app, "Undo").click()
    app.settle()


def test_a_span_that_is_none_is_explained(app):
    apply(app, "somewhere", "flatten")
    assert "not a locus" in app.errors()[0]
    app.at.text_input("edit-span").set_value("")
    button(app, "Apply the edit").click()
    assert "Give the span to edit" in app.run().errors()[0]
    assert app.run().errors() == []


def test_a_session_brings_the_edits_back(app, open_app, predict, span):
    apply(app, span, "scale", "H3K27ac", 0.5)
    predicted = app.numbers()["Predicted"]
    text = saved(app)
    assert [edit["action"] for edit in json.loads(text)["edits"]] == ["scale"]
    other = open_app()
    uploader = next(one for one in other.at.get("file_uploader") if "session" in one.label)
    uploader.set_value(("view.session.json", text.encode(), "application/json"))
    other.run()
    assert other.errors() == [] and other.settle().numbers()["Predicted"] == predicted
    assert parse_session(saved(other)).edits == (Edit(span, "scale", "H3K27ac", 0.5),)
    button(app, "Undo").click()
    app.settle()
