"""What a model is and how it was made, in words: the shipped ones, and cards that say little."""

from pathlib import Path

import pandas as pd
import pytest
from example_results import LOG

from seq2exp.analysis import plain
from seq2exp.analysis.cards import read_log
from seq2exp.model.checkpoint import list_any
from seq2exp.model.registry import NAMES

MODELS = Path(__file__).resolve().parents[2] / "data" / "models"


@pytest.mark.parametrize("name", NAMES)
def test_every_system_is_explained(name):
    text = plain.what_it_is({"model": name, "config": {"window": 200_000}})
    assert not text.startswith("A network of the kind")
    assert text.endswith("It sees 200,000 bp around a gene's TSS.")


def test_an_unknown_system_is_named():
    assert plain.what_it_is({"model": "other"}) == "A network of the kind other."


def test_shipped_models_say_data_steps_and_seed():
    for entry in list_any(MODELS):
        said = plain.how_made(entry.card)
        assert f"seed {entry.card['seed']}" in said and "simulated data set" in said
        assert f"{entry.card['trained_steps']:,} steps" in said


@pytest.mark.parametrize(
    ("card", "text"),
    [
        ({}, ""),
        ({"seed": 3}, "Trained with seed 3: one run, so small differences mean nothing."),
        (
            {"dataset": {"name": "K562", "simulated": False}, "trained_seconds": 7_200},
            "Trained on the measured data set “K562” for 2.0 h.",
        ),
    ],
)
def test_what_a_card_does_not_say_is_left_out(card, text):
    assert plain.how_made(card) == text


@pytest.mark.parametrize(("seconds", "text"), [(42, "42 s"), (813, "14 min"), (9_000, "2.5 h")])
def test_times_are_written_for_reading(seconds, text):
    assert plain.duration(seconds) == text


@pytest.mark.parametrize(
    ("prediction", "sparsity", "words"),
    [
        ([5e-11, 2e-9], [6e-5, 4e-5], ["8.3 × 10⁻⁷ times", "5.0 × 10⁻⁵ times", "hardly did"]),
        ([0.1, 0.2], [0.2, 0.4], ["0.5 times", "both shaped the mask"]),
        ([1e-4, 3e-5], [3e-5, 2e-6], ["3.3 times", "15 times", "more than the sparsity term"]),
        ([0.0, 0.0], [0.2, 0.1], ["0 times", "hardly did"]),
    ],
)
def test_what_moved_the_mask_is_read_from_the_gradients(prediction, sparsity, words):
    log = pd.DataFrame({"grad_prediction": prediction, "grad_sparsity": sparsity})
    text = plain.what_moved_the_mask(log)
    assert all(word in text for word in words), text


def test_a_log_without_gradients_says_nothing_of_them(tmp_path):
    path = tmp_path / "m.log.csv"
    path.write_text(LOG)
    log = read_log(path)
    assert "0.05 times" in plain.what_moved_the_mask(log)
    assert plain.what_moved_the_mask(log.drop(columns="grad_sparsity")) == ""
    assert plain.what_moved_the_mask(log.assign(grad_prediction=None)) == ""


@pytest.mark.parametrize("simulated", [True, False])
def test_only_a_model_of_simulated_data_is_foreign_to_measured_ones(simulated):
    made_up, measured = {"dataset": {"simulated": True}}, {"dataset": {"simulated": False}}
    said = plain.foreign_data(made_up, simulated)
    assert (said == "") == simulated and ("nothing about biology" in said) != simulated
    assert plain.foreign_data(measured, simulated) == plain.foreign_data({}, simulated) == ""
