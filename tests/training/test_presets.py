"""The presets are what the documentation says they are."""

import json
from pathlib import Path

from seq2exp.training.presets import TRAINING_PRESETS

CARD = Path(__file__).resolve().parents[2] / "data" / "models" / "demo-soft.json"


def test_the_paper_preset_is_published() -> None:
    paper = TRAINING_PRESETS["paper"]
    assert (paper.steps, paper.batch_size, paper.window, paper.lr) == (50_000, 8, None, 5e-4)


def test_the_demo_preset_made_the_shipped_model() -> None:
    demo = TRAINING_PRESETS["demo"]
    first, longer = json.loads(CARD.read_text())["training"]["phases"]
    assert (first["window"], first["batch_size"]) == (demo.window, demo.batch_size)
    assert (first["optimisation"]["steps"], first["optimisation"]["lr"]) == (demo.steps, demo.lr)
    assert first["validate_every"] == demo.validate_every
    assert longer["optimisation"]["steps"] == demo.finetune_steps
    assert (longer["window"], longer["batch_size"]) == (
        demo.finetune_window,
        demo.finetune_batch_size,
    )
    assert longer["optimisation"]["lr"] == demo.lr / 5
