"""What the authors published, from their files to the page: checkpoint, data folder, prediction."""

import importlib.util
import json
import math
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
import torch
from released_folder import GENES, Released, make_released

from seq2exp import cli
from seq2exp.datasets.catalog import Dataset
from seq2exp.model.config import ModelConfig
from seq2exp.training.examples import examples


def layout() -> ModuleType:
    """The helpers of the model's tests that write checkpoints as the authors do."""
    path = Path(__file__).parents[1] / "model" / "released_layout.py"
    found = importlib.util.spec_from_file_location("page_released_layout", path)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def seq2exp(*arguments: object) -> None:
    """Run a command that must succeed."""
    with pytest.raises(SystemExit) as end:
        cli.main([str(argument) for argument in arguments])
    assert end.value.code == 0


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Released:
    return make_released(tmp_path_factory.mktemp("GeneExp"))


@pytest.fixture(scope="module")
def root(made) -> Path:
    return made.root


@pytest.fixture(scope="module")
def model():
    return layout().random_model(ModelConfig.soft("tiny"))


@pytest.fixture(scope="module", autouse=True)
def converted(tmp_path_factory, model) -> Path:
    """The folder of models, with the authors' checkpoint in it, converted."""
    folder = tmp_path_factory.mktemp("models")
    checkpoint = folder / "mse-1.ckpt"
    state = layout().released_state(model)
    torch.save({"state_dict": state, "global_step": 50_000, "hyper_parameters": None}, checkpoint)
    out = folder / "released-soft.safetensors"
    seq2exp("convert", checkpoint, "--variant", "soft", "--out", out)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQ2EXP_MODELS", str(folder))
        yield out


def test_the_command_line_predicts_what_the_released_network_says(made, model, tmp_path):
    root = made.root
    seq2exp("predict", "RIGHT", "--dataset", root, "--cell", "GM12878", "--json", tmp_path / "a")
    answer = json.loads((tmp_path / "a").read_text())
    window = Dataset.load(root).window("RIGHT", "GM12878")
    with torch.no_grad():
        found = model(
            torch.from_numpy(window.one_hot)[None],
            torch.from_numpy(window.signals)[None],
            torch.from_numpy(window.features)[None],
            torch.from_numpy(window.blacklist)[None],
        )
    assert answer["expression"]["predicted"] == pytest.approx(found.prediction.item(), abs=1e-4)
    assert answer["expression"]["measured"] == pytest.approx(window.label)
    assert answer["mask"]["ratio"] == pytest.approx(found.mask.mean().item(), abs=1e-5)
    tss = GENES["RIGHT"][2]
    covered = made.peaks["GM12878", "chr22"][tss - 100_000 : tss + 100_000]
    assert answer["peaks"]["ratio"] == covered.sum() / 200_000


def test_evaluation_scores_it_on_the_published_test_genes(made, converted, tmp_path, capsys):
    out = tmp_path / "scores"
    options = ("--length", 4_000, "--cut", 0, "--replicates", 10, "--cell", "K562")
    seq2exp("evaluate", converted, "--dataset", made.root, "--out", out, *options)
    found = pd.read_parquet(out / "predictions.parquet")
    ours = found[found["model_id"] == converted.stem]
    assert sorted(ours["gene"]) == ["GATA1", "RIGHT"]
    assert set(ours["cell"]) == {"K562"} and set(ours["split"]) == {"test"}
    for row in ours.itertuples():
        label = made.numbers[row.gene, "K562_CAGE_128*3_sum"]
        assert row.measured == pytest.approx(math.log10(label + 1))


def test_training_reads_the_same_windows(made):
    dataset = Dataset.load(made.root)
    train = examples(dataset, "train", ["GM12878"], 4_000)
    assert sorted(row.name for row in train.table) == ["LEFT", "MID"]
    batch = train.batch(range(2))
    for i, row in enumerate(train.table):
        window = dataset.window(row.gene, "GM12878").crop(4_000)
        assert torch.equal(batch.one_hot[i], torch.from_numpy(window.one_hot))
        assert torch.equal(batch.signals[i], torch.from_numpy(window.signals))
        assert torch.equal(batch.features[i], torch.from_numpy(window.features))
        _, chrom, tss, _ = GENES[row.name]
        peaks = made.peaks["GM12878", chrom][tss - 2_000 : tss + 2_000]
        assert torch.equal(batch.peaks[i], torch.from_numpy(peaks))


def test_the_page_shows_it(open_app, root):
    app = open_app("--dataset", str(root), cell="K562").settle()
    assert app.errors() == []
    assert app.at.selectbox("gene").value == "GATA1"
    numbers = app.numbers()
    assert "…" not in numbers.values()
    label = Dataset.load(root).window("GATA1", "K562").label
    assert numbers["Measured"] == f"{label:.3f}"
    assert "padded twice here" in app.captions()
    assert "bp lie off chrX and are padding" in app.captions()
    assert not app.table("peaks").empty and app.table("peaks")["summit"].isna().all()
    assert "simulated" not in app.captions()
    app.open("LEFT").settle()
    assert app.errors() == [] and app.numbers()["Measured"] != numbers["Measured"]
    assert set(app.at.selectbox("gene").options) >= set(GENES)


def test_a_broken_folder_is_one_message_on_the_page(open_app, root, tmp_path):
    (tmp_path / "chr_length.json").write_text("{}")
    app = open_app("--dataset", str(tmp_path))
    (message,) = app.errors()
    assert "chr_length.json must hold chromosome lengths" in message
