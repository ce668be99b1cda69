"""The command line: what it prints, where, and with which exit code."""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from seq2exp import cli
from seq2exp.datasets.catalog import Dataset
from seq2exp.datasets.simulate import make_demo
from seq2exp.inference.predictor import MaskRule, Predictor
from seq2exp.model.beta import BetaPrior
from seq2exp.model.checkpoint import load_model, save_model
from seq2exp.model.config import ModelConfig
from seq2exp.model.seq2exp import Seq2Exp
from seq2exp.tracks.peaks import PeakCaller


def helper(name):
    """Load a module of helpers that another folder's tests use."""
    path = Path(__file__).parent / name
    found = importlib.util.spec_from_file_location(f"cli_{path.stem}", path)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def demo_yaml(tmp_path_factory):
    return make_demo(tmp_path_factory.mktemp("demo") / "tiny", "tiny")


@pytest.fixture(scope="module")
def gene(demo_yaml):
    return Dataset.load(demo_yaml).default_gene


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for variant in ("soft", "hard"):
        torch.manual_seed(5)
        model = Seq2Exp(getattr(ModelConfig, variant)("tiny"))
        save_model(folder / f"tiny-{variant}.safetensors", model, {"title": variant})
    return folder


@pytest.fixture(autouse=True)
def _environment(models, monkeypatch):
    monkeypatch.setenv("SEQ2EXP_MODELS", str(models))


@pytest.fixture
def run(capfd):
    """Run the command line; return exit code, stdout and stderr."""

    def call(*arguments):
        with pytest.raises(SystemExit) as end:
            cli.main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return end.value.code, out, err

    return call


def predict(run, gene, demo_yaml, *more):
    code, out, err = run(
        "predict", gene, "--dataset", demo_yaml, "--model", "tiny-soft", "--json", "-", *more
    )
    assert (code, err) == (0, "")
    return json.loads(out)


def test_predict_is_what_the_predictor_and_the_peaks_say(run, gene, demo_yaml, models):
    cell = list(Dataset.load(demo_yaml).cells)[1]
    found = predict(
        run,
        gene.lower(),
        demo_yaml,
        *("--cell", cell, "--prior", 0.09, "--strength", 110, "--mode", "hard"),
        *("--threshold", 0.35, "--min-length", 80, "--merge-gap", 20),
    )
    dataset = Dataset.load(demo_yaml)
    window = dataset.window(gene, cell)
    predictor = Predictor(models / "tiny-soft.safetensors")
    expected = predictor.predict(
        window, MaskRule("hard", threshold=0.35), BetaPrior.from_mean(0.09, 110)
    )
    assert found["expression"] == {
        "predicted": pytest.approx(expected.expression, abs=1e-6),
        "unit": "log10(CAGE+1)",
        "measured": window.label,
        "label": window.label_name,
    }
    assert found["mask"] == {
        "mode": "hard",
        "threshold": 0.35,
        "prior_mean": pytest.approx(0.09),
        "strength": pytest.approx(110),
        "ratio": pytest.approx(expected.mask.mean(), abs=1e-6),
    }
    assert found["gene"] == gene and found["gene_id"] == window.gene.id
    assert found["cell"] == cell and found["model"] == "tiny-soft"
    assert found["simulated"] is True
    assert found["device"] == expected.device and found["seconds"] > 0
    assert found["implementation"] == expected.implementation

    # Elements: read back from the mask, base by base.
    start = window.interval.start
    selected = expected.mask > 0.5
    promoter = np.zeros(window.length, dtype=bool)
    promoter[window.promoter] = True
    assert len(found["elements"]) > 3
    covered = np.zeros(window.length, dtype=bool)
    for element in found["elements"]:
        part = slice(element["start"] - start, element["end"] - start)
        chrom, span = element["region"].split(":")
        first, last = (int(text.replace(",", "")) for text in span.split("-"))
        assert (chrom, first - 1, last) == (element["chrom"], element["start"], element["end"])
        assert element["length"] == element["end"] - element["start"] >= 80
        assert not promoter[part].any()
        assert selected[part][0] and selected[part][-1]
        covered[part] = True
    runs = np.diff(np.flatnonzero(np.diff(np.r_[False, selected & ~covered & ~promoter, False])))
    # What is selected but in no element are stretches that are too short.
    assert all(length < 80 for length in runs[::2])

    peaks = PeakCaller.for_cell(dataset.cell(cell), dataset.genome).peaks()
    inside = np.zeros(window.length, dtype=bool)
    for row in peaks[peaks["chrom"] == window.interval.chrom].itertuples():
        inside[max(row.start - start, 0) : max(row.end - start, 0)] = True
    assert found["peaks"]["ratio"] == pytest.approx(inside.mean())
    assert "MACS3" in found["peaks"]["source"]


def test_region_is_one_based_and_padding_is_left_out(run, demo_yaml):
    dataset = Dataset.load(demo_yaml)
    edge = min(dataset.annotation.genes.values(), key=lambda g: dataset.gene(g.id).tss)
    found = predict(run, edge.id, demo_yaml, "--no-peaks")
    assert found["start"] == 0 and found["length"] == 200_000
    assert found["end"] == dataset.gene(edge.id).tss + 100_000
    assert found["region"] == f"{found['chrom']}:1-{found['end']:,}"
    assert found["peaks"] is None
    assert any("padding" in note for note in found["notes"])
    assert all(0 <= element["start"] for element in found["elements"])


def test_defaults_are_the_models_own(run, gene, demo_yaml):
    found = predict(run, gene, demo_yaml, "--no-peaks")
    assert found["mask"]["mode"] == "soft"
    assert found["mask"]["prior_mean"] == pytest.approx(0.1)
    assert found["mask"]["strength"] == pytest.approx(100)
    top = predict(run, gene, demo_yaml, "--no-peaks", "--mode", "top", "--fraction", "0.05")
    assert top["mask"]["fraction"] == 0.05 and "threshold" not in top["mask"]
    assert top["mask"]["ratio"] == pytest.approx(0.05)


def test_a_model_of_simulated_data_on_measured_ones_is_said(
    run, gene, demo_yaml, models, tmp_path, monkeypatch
):
    card = {"title": "Sim", "dataset": {"simulated": True}}
    save_model(tmp_path / "sim.safetensors", load_model(models / "tiny-hard.safetensors")[0], card)
    monkeypatch.setenv("SEQ2EXP_MODELS", str(tmp_path))
    measured = demo_yaml.with_name("measured.yaml")
    text = demo_yaml.read_text()
    assert "simulated: true" in text
    measured.write_text(text.replace("simulated: true", "simulated: false"))
    for dataset, known in ((demo_yaml, False), (measured, True)):
        code, out, _ = run("predict", gene, "--dataset", dataset, "--no-peaks", "--json", "-")
        notes = json.loads(out)["notes"]
        assert code == 0 and any("nothing about biology" in note for note in notes) is known
        code, out, _ = run("elements", gene, "--dataset", dataset, "--json", "-")
        assert (code, bool(json.loads(out)["notes"])) == (0, known)


def test_without_json_it_is_a_table(run, gene, demo_yaml):
    code, out, err = run(
        "predict", gene, "--dataset", demo_yaml, "--model", "tiny-hard", "--no-peaks"
    )
    assert (code, err) == (0, "")
    for word in (gene, "Predicted", "log10(CAGE+1)", "simulated", "tiny-hard", "hard"):
        assert word in out


def test_json_file_is_written_whole_or_not_at_all(run, gene, demo_yaml, tmp_path):
    target = tmp_path / "deep" / "answer.json"
    target.parent.mkdir()
    arguments = ("--dataset", demo_yaml, "--no-peaks", "--json", target)
    code, out, _ = run("predict", gene, *arguments)
    assert (code, out) == (0, "")
    first = json.loads(target.read_text())
    assert first["gene"] == gene
    code, _, _ = run("predict", "NOSUCH", *arguments)
    assert code == 2
    assert json.loads(target.read_text()) == first
    assert [path.name for path in target.parent.iterdir()] == ["answer.json"]
    code, _, said = run("predict", gene, *arguments[:-1], tmp_path / "typo" / "answer.json")
    assert code == 2 and "its folder does not exist" in said
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["predict", "NOSUCHGENE"], ["NOSUCHGENE"]),
        (["predict", "{gene}", "--cell", "sim-erythroit"], ["sim-erythroit", "sim-erythroid"]),
        (["predict", "{gene}", "--model", "tiny-sofd"], ["tiny-sofd", "tiny-soft"]),
        (["predict", "{gene}", "--model", "a/b.safetensors"], ["a/b.safetensors"]),
        (["predict", "{gene}", "--threshold", "1.5"], ["threshold", "1.5"]),
        (["predict", "{gene}", "--fraction", "0"], ["fraction"]),
        (["predict", "{gene}", "--prior", "2"], ["prior mean"]),
        (["predict", "{gene}", "--strength", "-1"], ["strength"]),
        (["predict", "{gene}", "--min-length", "0"], ["--min-length"]),
        (["predict", "{gene}", "--device", "tpu"], ["tpu"]),
        (["predict", "{gene}", "--mode", "medium"], ["medium"]),
        (["predict", "{gene}", "--dataset", "gone.yaml"], ["gone.yaml"]),
        (["predict", "{gene}", "--nonsense"], ["--nonsense"]),
        (["predict"], ["GENE"]),
        (["predikt"], ["predikt", "predict"]),
        (["demo", "--size", "full"], ["--out"]),
        (["demo", "--size", "huge", "--out", "x"], ["huge"]),
        (["train", "--out", "x.safetensors"], ["--dataset"]),
        (["train", "--dataset", "{yaml}", "--out", "x.pt"], [".safetensors"]),
        (["train", "--dataset", "{yaml}", "--out", "x.safetensors", "--set", "width"], ["width"]),
        (["train", "--dataset", "gone.yaml", "--judge", "0"], ["judged on 0 windows"]),
        (["train", "--dataset", "gone.yaml", "--seed", "-1"], ["seed is -1"]),
        (["train", "--dataset", "gone.yaml", "--lr", "nan"], ["lr is nan"]),
        (["train", "--dataset", "gone.yaml", "--devices", "abc"], ["devices abc"]),
        (["train", "--dataset", "gone.yaml", "--accelerator", "tpu"], ["accelerator tpu"]),
        (["train", "--dataset", "gone.yaml", "--set", "width=abc"], ["width is 'abc'"]),
        (["train", "--dataset", "gone.yaml", "--out", "{yaml}/x.safetensors"], ["no folder"]),
        (["convert", "gone.ckpt", "--variant", "soft", "-o", "x.safetensors"], ["gone.ckpt"]),
        (["convert", "gone.ckpt", "--variant", "mild", "-o", "x.safetensors"], ["mild"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_input_is_one_line_on_stderr_and_exit_code_2(
    run, gene, demo_yaml, tmp_path, monkeypatch, arguments, words
):
    monkeypatch.chdir(tmp_path)
    filled = [text.format(gene=gene, yaml=demo_yaml) for text in arguments]
    if filled[0] == "predict" and "--dataset" not in filled:
        filled += ["--dataset", str(demo_yaml)]
    code, out, err = run(*filled)
    assert code == 2
    assert out == ""
    assert err.startswith("seq2exp: ") and err.endswith("\n") and err.count("\n") == 1
    assert "Traceback" not in err
    for word in words:
        assert word.lower() in err.lower()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said(run, gene, demo_yaml, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = run(
        *("predict", gene, "--dataset", demo_yaml, "--no-peaks"),
        *("--json", tmp_path / "file" / "a.json"),
    )
    assert code == 2
    assert err.startswith("seq2exp: Cannot write") and err.count("\n") == 1


def test_demo_prints_where_it_is(run, tmp_path, monkeypatch, demo_yaml):
    code, out, err = run("demo", "--out", demo_yaml.parent.parent / "other", "--size", "default")
    assert (code, err) == (0, "")
    path = Path(out.strip())
    assert path.name == "dataset.yaml"
    assert Dataset.load(path).simulated
    (tmp_path / "mine.txt").write_text("mine")
    code, out, err = run("demo", "--out", tmp_path)
    assert code == 2 and str(tmp_path) in err
    assert (tmp_path / "mine.txt").read_text() == "mine"
    shutil.rmtree(path.parent)


def test_convert_writes_a_model_that_loads(run, tmp_path):
    released = helper("model/released_layout.py")
    model = released.random_model(ModelConfig.soft("tiny"))
    checkpoint = tmp_path / "a.ckpt"
    torch.save({"state_dict": released.released_state(model), "global_step": 7}, checkpoint)
    out = tmp_path / "a.safetensors"
    code, printed, err = run("convert", checkpoint, "--variant", "soft", "-o", out)
    assert (code, printed.strip(), err) == (0, str(out), "")
    loaded, _ = load_model(out)
    for name, tensor in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)
    code, _, err = run("convert", checkpoint, "--variant", "hard", "-o", tmp_path / "b.safetensors")
    assert code == 2 and "--variant soft" in err
    assert not (tmp_path / "b.safetensors").exists()


def test_train_writes_a_model_with_its_card(run, tmp_path):
    dataset = helper("training/conftest.py").write_dataset(tmp_path)
    out = tmp_path / "mine.safetensors"
    code, printed, _ = run(
        *("train", "--dataset", dataset, "--out", out, "--preset", "tiny"),
        *("--cell", "cell-a", "--cell", "CELL-a"),
        *("--steps", 2, "--batch-size", 2, "--window", 2_048, "--validate-every", 1),
        *("--accelerator", "cpu", "--seed", 11, "--set", "window=4096", "--title", "Mine"),
    )
    assert (code, printed.strip()) == (0, str(out))
    model, card = load_model(out)
    assert model.config.window == 4_096
    assert card["title"] == "Mine" and card["seed"] == 11 and card["cells"] == ["cell-a"]


def test_installed_command_runs_and_its_usage_error_is_2(demo_yaml):
    command = [str(Path(sys.executable).parent / "seq2exp")]
    done = subprocess.run([*command, "predict", "--what"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "seq2exp: No such option: --what\n"
    help_text = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True)
    for name in ("demo", "train", "predict", "convert"):
        assert name in help_text.stdout
