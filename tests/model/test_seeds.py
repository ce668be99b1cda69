"""Models that differ in their seed alone."""

from pathlib import Path

import pytest

from seq2exp.model.checkpoint import ModelEntry, list_models
from seq2exp.model.seeds import other_seeds

CARD = {
    "model": "seq2exp-soft",
    "config": {"d_model": 8, "prior": [1, 9]},
    "dataset": {"name": "demo", "digest": "abc"},
    "training": {"phases": [{"steps": 10}], "kept": {"step": 7}},
    "window": 200_000,
}


def entry(name, seed, **changes):
    return ModelEntry(name, Path(f"{name}.safetensors"), {**CARD, "seed": seed, **changes})


def test_other_seeds_of_the_same_recipe_are_found_once_each():
    first = entry("first", 1)
    kept_elsewhere = entry("c", 2, training={**CARD["training"], "kept": {"step": 9}})
    shelf = [entry("d", 3), kept_elsewhere, first, entry("e", 2), entry("same", 1)]
    assert [one.id for one in other_seeds(first, shelf)] == ["c", "d"]


def test_the_shipped_models_have_a_band_over_seeds():
    shipped = list_models(Path(__file__).resolve().parents[2] / "data" / "models")
    assert shipped[0].id == "demo-coupled"  # what the app opens with
    found = [one.id for one in other_seeds(shipped[0], shipped)]
    assert found == ["demo-coupled-s2", "demo-coupled-s3"]


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "seq2exp-hard"},
        {"config": {"d_model": 16, "prior": [1, 9]}},
        {"dataset": {"name": "demo", "digest": "other"}},
        {"training": {"phases": [{"steps": 20}]}},
        {"window": 4_096},
        {"cells": ["K562"]},
        {"seed": None},
    ],
)
def test_what_differs_in_more_is_left_out(changes):
    other = entry("other", **{"seed": 2, **changes})
    assert other_seeds(entry("first", 1), [other]) == []


def test_networks_under_one_and_the_same_mask_say_nothing_of_chance():
    first, same, other = (
        entry(name, seed, **{"from": {"id": source, "sha256": source}})
        for name, seed, source in (("first", 1, "a"), ("same", 2, "a"), ("other", 3, "b"))
    )
    assert [one.id for one in other_seeds(first, [same, other])] == ["other"]


def test_a_card_without_a_seed_has_no_others():
    assert other_seeds(entry("first", None), [entry("other", 2)]) == []
