"""What a card says, laid out for reading: the shipped one, and ones with every kind of trouble."""

import copy
import math
from pathlib import Path

import numpy as np
import pytest
from example_results import LOG
from safetensors.numpy import save_file

from seq2exp.analysis import cards
from seq2exp.errors import InputError
from seq2exp.model.checkpoint import ModelEntry, list_any

MODELS = Path(__file__).resolve().parents[2] / "data" / "models"

GOOD = {
    "model": "seq2exp-coupled",
    "config": {"variant": "soft", "width": 8, "generator_layers": 1, "predictor_layers": 1}
    | {"prior_mean": 0.1, "window": 200_000},
    "dataset": {"name": "Demo", "digest": "ab" * 32, "simulated": True},
    "metrics": {
        "test": {
            "examples": 268,
            "mse": 0.2,
            "mae": 0.3,
            "pearson": 0.8,
            "mask_ratio": 0.09,
            "mean_predictor": {"mse": 0.57, "mae": 0.6, "pearson": None},
            "linear_nine_features": {"mse": 0.38, "mae": 0.5, "pearson": 0.58},
            "mask": {
                "causal_share": 0.005,
                "auprc_mask": 0.30,
                "auprc_untrained_mask": 0.02,
                "auprc_dnase": 0.13,
            },
        }
    },
}


def changed(*keys: str, value: float) -> dict:
    card = copy.deepcopy(GOOD)
    place = card["metrics"]["test"]
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    return card


def test_a_good_model_has_no_warning_but_that_its_data_are_simulated():
    (said,) = cards.warnings(GOOD)
    assert "simulated data only" in said
    assert cards.warnings({**GOOD, "dataset": {"simulated": False}}) == []


@pytest.mark.parametrize(
    ("card", "said"),
    [
        (changed("mse", value=0.58), ["no better than the training mean", "0.580 against 0.570"]),
        (changed("mse", value=0.377), ["no better than a linear fit", "n = 268"]),
        (changed("mask", "auprc_mask", value=0.025), ["mask learnt nothing", "0.025", "0.020"]),
        (changed("mask", "auprc_mask", value=0.1), ["DNase alone finds", "0.130 against 0.100"]),
        ({**GOOD, "metrics": {}}, ["no metrics"]),
        ({**GOOD, "warnings": ["Only a test."]}, ["Only a test."]),
    ],
)
def test_what_must_not_be_read_into_a_model_is_said(card, said):
    text = "\n".join(cards.warnings(card))
    assert all(part in text for part in said), text


def test_claims_are_read_from_test_where_there_is_one():
    both = {"metrics": {"validation": {}, "test": {}}}
    assert cards.final_split(both) == "test"
    assert cards.final_split({"metrics": {"validation": {}}}) == "validation"
    assert cards.final_split({}) is None


def test_every_shipped_model_can_be_read():
    entries = list_any(MODELS)
    frame = cards.models_frame(entries)
    assert list(frame["id"]) == [entry.id for entry in entries] and len(entries) > 0
    for entry, row in zip(entries, frame.to_dict("records"), strict=True):
        metrics = entry.card["metrics"][row["split"]]
        assert row["mse"] == metrics["mse"] and row["n"] == metrics["examples"]
        assert row["data"] == "simulated"
        listed = cards.facts(entry.card)
        assert listed["Seed"] == str(entry.card["seed"])
        assert all(text and isinstance(text, str) for text in listed.values())


def test_fit_rows_are_the_model_and_what_it_has_to_beat():
    rows = cards.fit_rows(GOOD).set_index("predictor")
    assert list(rows.index) == [
        "This model",
        "Training mean",
        "Linear fit on the nine features",
    ]
    assert rows.loc["This model", "mask_ratio"] == 0.09
    assert math.isnan(rows.loc["Training mean", "pearson"])
    assert rows.loc["Training mean", "mse"] == 0.57 and (rows["n"] == 268).all()


def test_mask_rows_have_the_share_that_chance_reaches():
    rows = cards.mask_rows(GOOD).set_index("score")
    assert rows["auprc"].to_dict() == {
        "This model's mask": 0.30,
        "The same network before training": 0.02,
        "DNase alone": 0.13,
    }
    assert (rows["chance"] == 0.005).all()


@pytest.mark.parametrize("card", [{}, {"model": "enformer", "config": {}}, {"metrics": {}}])
def test_a_card_that_says_little_is_still_laid_out(card):
    assert cards.fit_rows(card).empty and cards.mask_rows(card).empty
    assert cards.facts(card)["System"]


def test_which_models_have_a_mask():
    assert cards.has_mask(GOOD) and cards.has_mask({"variant": "hard"})
    assert not cards.has_mask({"model": "caduceus"})
    assert not cards.has_mask({"model": "something else"})


def test_the_size_of_a_file_is_counted_without_reading_its_tensors(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"a": np.zeros((3, 5), np.float32), "b": np.zeros(7, np.float32)}, path)
    found = cards.stored(path)
    assert (found.parameters, found.bytes) == (22, len(path.read_bytes()))
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"x\.safetensors"):
        cards.stored(path)


def test_the_phases_of_a_log_follow_each_other(tmp_path):
    path = tmp_path / "m.log.csv"
    path.write_text(LOG)
    log = cards.read_log(path)
    assert list(log["step"]) == [50, 100, 100, 150, 200, 200, 225, 250, 250]
    assert list(log["phase"]) == [0] * 6 + [1] * 3
    assert log["sparsity"].dropna().tolist() == [0.4, 0.3, 0.25, 0.2, 0.18, 0.17]
    assert log["val_mse"].dropna().tolist() == [0.55, 0.45, 0.41]


def test_a_log_is_looked_for_beside_the_card(tmp_path):
    entry = ModelEntry("m", tmp_path / "m.safetensors", {})
    assert cards.log_path(entry) == tmp_path / "m.log.csv"
    assert cards.read_log(cards.log_path(entry)) is None


def test_the_mask_of_a_card_is_said_without_what_it_does_not_have():
    ratio = {"variant": "soft", "prior_mean": 0.1, "prior_strength": 1.0, "sparsity": "ratio"}
    said = cards.facts({"config": ratio | {"kl_weight": 0.01}})["Mask"]
    strength = "strength 10 pseudo-observations per base"
    assert said == f"soft, prior mean 0.1, {strength}, sparsity as a share of open bases"
    said = cards.facts({"config": {"variant": "hard", "prior_mean": 0.45}})["Mask"]
    assert said == "hard, prior mean 0.45"


@pytest.mark.parametrize("text", ["", "step,loss\n1,2\n", LOG.replace("0.9", "nine")])
def test_a_damaged_log_is_named(tmp_path, text):
    path = tmp_path / "m.log.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=r"m\.log\.csv"):
        cards.read_log(path)
