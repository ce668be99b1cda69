"""The presets are what the documentation says they are."""

import json
import shlex
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import typer

from seq2exp.cli import app
from seq2exp.errors import InputError
from seq2exp.model.checkpoint import suggested_threshold
from seq2exp.model.registry import NAMES, configure, read_config
from seq2exp.training.compaction import Compaction
from seq2exp.training.phases import Optimisation, Phase, Wishes, plan
from seq2exp.training.presets import TRAINING_PRESETS, TrainingPreset, preset_for
from seq2exp.training.train import parse_switches

SHIPPED = Path(__file__).resolve().parents[2] / "data" / "models"


def test_the_paper_preset_is_published() -> None:
    paper = TRAINING_PRESETS["paper"]
    assert (paper.steps, paper.batch_size, paper.window, paper.lr) == (50_000, 8, None, 5e-4)


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.json")), ids=lambda path: path.stem)
def test_the_command_on_a_shipped_card_trains_what_the_card_says(path: Path) -> None:
    card = json.loads(path.read_text())
    program, name, *words = shlex.split(card["command"])
    assert (program, name) == ("seq2exp", "train")
    command = typer.main.get_command(app).commands["train"]  # type: ignore[attr-defined]
    given = command.make_context("train", words).params
    assert given["out"] == Path("data/models") / f"{path.stem}.safetensors"
    assert (given["model"], given["seed"]) == (card["model"], card["seed"])
    config = _config(card["model"], given)
    assert config == read_config(card["model"], card["config"])
    wishes = Wishes(**{field.name: given[field.name] for field in fields(Wishes)})
    phases = plan(config, preset_for(card["model"], given["preset"]), wishes, examples=3_996)
    assert len(phases) == len(card["training"]["phases"])
    for phase, said in zip(phases, card["training"]["phases"], strict=True):
        planned = json.loads(json.dumps(asdict(phase)))
        for key in ("name", "window", "batch_size", "validate_every"):
            assert planned[key] == said[key]
        for key in ("steps", "lr", "warm_up", "weight_decay"):
            assert planned["optimisation"][key] == pytest.approx(said["optimisation"][key])
        assert planned["compaction"] == said.get("compaction")
        assert planned["hold_mask"] == said.get("hold_mask", False)
    usual = preset_for(card["model"], given["preset"]).calibrate
    calibrated = card["training"].get("calibrated") or {"windows": 0}
    assert calibrated["windows"] == (usual if given["calibrate"] is None else given["calibrate"])


def _config(model: str, given: dict[str, Any]) -> Any:
    """The configuration that the command's options give; a source brings its own along."""
    if given["source"] is None:
        return configure(model, given["preset"], parse_switches(given["switch"] or []))
    source = json.loads((SHIPPED / given["source"].with_suffix(".json").name).read_text())
    config = read_config(source["model"], source["config"])
    return replace(config, threshold=suggested_threshold(source))


@pytest.mark.parametrize(
    ("name", "batch_size", "steps", "rates", "precision"),
    [
        # The rate at step 0, 10 %, 25 % and the end (facts of the released configurations).
        ("seq2exp-soft", 8, 50_000, (1e-5, 5e-4, None, 1e-4), "bf16-mixed"),
        ("seq2exp-hard", 8, 50_000, (1e-5, 5e-4, None, 1e-4), "bf16-mixed"),
        ("hyenadna", 8, 50_000, (1e-5, 5e-4, None, 1e-4), "bf16-mixed"),
        ("mamba", 16, 50_000, (1e-5, 5e-4, None, 1e-4), "bf16-mixed"),
        ("caduceus", 16, 50_000, (1e-5, 5e-4, None, 1e-4), "bf16-mixed"),
        ("caduceus-signals-2kb", 16, 50_000, (1e-5, 5e-4, None, 1e-4), "bf16-mixed"),
        ("enformer", 4, 200_000, (0.0, 2.8e-6, 7e-6, 7e-6), "bf16-mixed"),
        # 20 epochs of the paper's 15,985 training genes in batches of 16.
        ("epinformer", 16, 19_982, (5e-4, 5e-4, 5e-4, 5e-4), "16-mixed"),
    ],
)
def test_the_paper_preset_of_a_system_is_the_published_one(
    name: str, batch_size: int, steps: int, rates: tuple[float | None, ...], precision: str
) -> None:
    usual = preset_for(name, "paper")
    (phase,) = plan(configure(name), usual, Wishes(), examples=15_985)
    assert (phase.batch_size, phase.optimisation.steps) == (batch_size, steps)
    assert phase.window == configure(name).window
    assert usual.precision == precision
    for share, rate in zip((0, 0.1, 0.25, 1), rates, strict=True):
        if rate is not None:
            at = round(share * steps)
            assert phase.optimisation.rate(at) == pytest.approx(rate, rel=1e-3, abs=1e-12)


def test_the_published_schedule_is_the_same_to_the_bit() -> None:
    (phase,) = plan(configure("seq2exp-soft"), preset_for("seq2exp-soft", "paper"), Wishes(), 1)
    rates = [phase.optimisation.rate(step) for step in range(0, 50_001, 97)]
    assert rates == [Optimisation().rate(step) for step in range(0, 50_001, 97)]


COMPACTED = ("seq2exp-soft", "seq2exp-hard", "seq2exp-retrain", "seq2exp-coupled")
COMPACTED += ("macs3", "caduceus-signals")


@pytest.fixture
def compacting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A demo preset that cuts whole windows down to 8,192 bp."""
    usual = TrainingPreset(
        steps=80, compact=8_192, background=0.5, finetune_steps=15, finetune_window=32_768
    )
    monkeypatch.setitem(TRAINING_PRESETS, "demo", usual)


@pytest.mark.parametrize("name", NAMES)
def test_smaller_presets_train_every_system_on_windows_that_fit_it(
    name: str, compacting: None
) -> None:
    config = configure(name, "demo")
    first, longer = plan(config, preset_for(name, "demo"), Wishes(), examples=99)
    assert (first.optimisation.steps, longer.optimisation.steps) == (80, 15)
    assert longer.optimisation.lr == first.optimisation.lr / 5
    assert longer.compaction is None
    wanted = {
        **dict.fromkeys(COMPACTED, (200_000, 32_768)),
        **dict.fromkeys(("mamba", "caduceus"), (8_192, 32_768)),  # contiguous
        **dict.fromkeys(("hyenadna", "enformer"), (16_384, 16_384)),  # their own whole windows
        "epinformer": (200_000, 200_000),
        "caduceus-signals-2kb": (2_000, 2_000),
    }
    assert (first.window, longer.window) == wanted[name]
    cut = Compaction(8_192, config.promoter, 0.5) if name in COMPACTED else None
    assert first.compaction == cut


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", ["demo", "tiny"])
def test_later_phases_are_slower(name: str, size: str) -> None:
    phases = plan(configure(name, size), preset_for(name, size), Wishes(), examples=99)
    rates = [phase.optimisation.lr for phase in phases]
    assert rates == sorted(rates, reverse=True)


def test_windows_wished_for_are_not_cut_down(compacting: None) -> None:
    def first(**wishes: int) -> Phase:
        usual = preset_for("seq2exp-soft", "demo")
        return plan(configure("seq2exp-soft", "demo"), usual, Wishes(**wishes), examples=99)[0]

    assert first(steps=9).compaction == Compaction(8_192, 2_000, 0.5)
    assert first(compact=4_096).compaction == Compaction(4_096, 2_000, 0.5)
    assert (first(window=32_768).compaction, first(window=32_768).window) == (None, 32_768)


def test_signals_are_averaged_as_the_network_wants_them(compacting: None) -> None:
    config = configure("seq2exp-coupled", "demo")
    first, longer = plan(config, preset_for("seq2exp-coupled", "demo"), Wishes(), examples=99)
    cut = first.cut_for(config)
    assert isinstance(cut, partial)
    assert (cut.func, cut.keywords) == (first.compaction, {"smooth": (601, 1, 1)})
    assert longer.cut_for(config) is None
    plain = first.cut_for(configure("caduceus-signals", "demo"))
    assert isinstance(plain, partial)
    assert plain.keywords == {"smooth": (1, 1, 1)}


def test_a_network_that_knows_places_is_trained_on_whole_windows(compacting: None) -> None:
    config = configure("seq2exp-hard", "demo", {"position_embedding": True})
    first, _ = plan(config, preset_for("seq2exp-hard", "demo"), Wishes(), examples=99)
    assert (first.window, first.compaction) == (200_000, None)


def test_what_is_wished_for_goes_before_the_preset() -> None:
    config, usual = configure("caduceus", "demo"), preset_for("caduceus", "demo")
    wishes = Wishes(steps=40, window=4_096, lr=1e-2, lr_floor=1e-5, compact=2_432, background=0.5)
    (phase,) = plan(config, usual, wishes, examples=99)
    assert (phase.optimisation.steps, phase.validate_every, phase.save_every) == (40, 2, 1)
    assert phase.optimisation.rate(40) == 1e-5
    assert phase.compaction is not None
    assert (phase.compaction.length, phase.compaction.background) == (2_432, 0.5)
    assert str(phase) == "40 steps of 8 windows of 4,096 bp cut down to 2,432 bp"


def test_what_cannot_be_is_named() -> None:
    with pytest.raises(InputError, match="Unknown model size 'huge'"):
        preset_for("mamba", "huge")
    with pytest.raises(InputError, match="each base's place"):
        plan(
            configure("seq2exp-hard"), preset_for("seq2exp-hard", "paper"), Wishes(compact=2_432), 1
        )
    with pytest.raises(InputError, match="background 2 is no share"):
        usual = preset_for("mamba", "tiny")
        plan(configure("mamba", "tiny"), usual, Wishes(compact=2_432, background=2), 1)
