"""A whole evaluation of tiny networks on a tiny data set, and the numbers that were published."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from seq2exp import cli
from seq2exp.analysis.evaluate import Options, evaluate
from seq2exp.analysis.evaluate.priors import sweeps
from seq2exp.analysis.evaluate.tables import markdown
from seq2exp.analysis.evaluate.truth import WIDTHS
from seq2exp.analysis.results import COLUMNS, benchmarks_dir, load_results
from seq2exp.datasets.catalog import Dataset
from seq2exp.datasets.simulate.plan import CELLS
from seq2exp.errors import InputError
from seq2exp.files import cache_dir, digest
from seq2exp.inference.predictor import Predictor
from seq2exp.model.beta import BetaPrior
from seq2exp.model.checkpoint import load_any, save_model
from seq2exp.model.registry import make
from seq2exp.training.examples import examples
from seq2exp.training.truth import planted_truth

LENGTH = 20_000
#: Id, system, seed, window, settings.
MODELS = (
    ("soft-p05", "seq2exp-soft", 1, LENGTH, {"prior_mean": 0.05}),
    ("soft-p10", "seq2exp-soft", 1, LENGTH, {}),
    ("hard", "seq2exp-hard", 2, LENGTH, {}),
    ("cad-2kb", "caduceus-signals-2kb", 1, 2_000, {}),
    ("macs3-1", "macs3", 1, LENGTH, {}),
)
OPTIONS = Options(length=LENGTH, cuts=(4_000,), deletions=2, replicates=20, device="cpu")


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("evaluated")
    paths = []
    for name, system, seed, window, switches in MODELS:
        torch.manual_seed(seed)
        model = make(system, "tiny", switches, window)
        paths.append(folder / f"{name}.safetensors")
        save_model(paths[-1], model, {"model": system, "seed": seed})
    return paths


@pytest.fixture(scope="module")
def run(models, evaluation_demo, tmp_path_factory):
    out = tmp_path_factory.mktemp("results") / "tiny"
    said = []
    about = evaluate(
        models,
        evaluation_demo,
        out,
        OPTIONS,
        command="seq2exp evaluate …",
        progress=lambda done, text: said.append((done, text)),
    )
    return out, about, said


@pytest.fixture(scope="module")
def found(run):
    return load_results(run[0])


def test_all_tables_are_there_with_their_columns(run, found, models):
    out, about, said = run
    assert not list(cache_dir().glob("evaluate-*"))
    for name in ("fit", "predictions", "truth", "deletions"):
        assert set(COLUMNS[name]) <= set(getattr(found, name).columns)
    assert not (out / "crispri.parquet").exists()
    assert found.about == json.loads(json.dumps(about))
    assert about["models"] == [name for name, *_ in MODELS]
    assert about["weights"] == {path.stem: digest(path) for path in models}
    assert about["dataset"]["simulated"] and about["command"] == "seq2exp evaluate …"
    assert any(text.startswith("Running hard: window 1 of") for _, text in said)
    assert all(0 <= done <= 1 for done, _ in said)


def test_planted_elements_are_deleted_where_that_is_asked_for(run, found):
    out, _, said = run
    rows = found.deletions
    assert set(rows["model_id"]) == {"soft-p05", "soft-p10", "hard"}  # those with a mask
    assert set(rows["n_examples"]) == {2} and set(rows["rule"]) == {"soft", "hard"}
    assert rows["auc"].between(0, 1).all()
    assert "| in-silico deletion, \\|Δ\\| |" in (out / "tables.md").read_text()
    assert any(text.startswith("Deleting planted elements, hard") for _, text in said)


def test_the_time_is_told_of_networks_and_of_scoring(run):
    seconds = run[1]["seconds"]
    assert set(seconds) == {"signals", "together", *(name for name, *_ in MODELS)}
    assert all(set(spent) == {"network", "scoring"} for spent in seconds.values())
    assert all(seconds[name]["network"] > 0 for name, *_ in MODELS)
    assert seconds["signals"]["network"] == 0 < seconds["signals"]["scoring"]
    assert "| soft-p05 | " in (run[0] / "tables.md").read_text().partition("## Seconds")[2]


def test_resamples_give_the_intervals(run, found):
    draws = pd.read_parquet(run[0] / "draws.parquet")
    ours = draws[(draws["model_id"] == "soft-p10") & (draws["metric"] == "auprc")]
    assert set(ours["score"]) == {"learned mask", "signal-only mask"}
    assert len(ours) == 4 and {len(row) for row in ours["draws"]} == {OPTIONS.replicates}
    truth = found.truth[found.truth["model_id"] == "soft-p10"]
    for row in ours.itertuples():
        same = truth[(truth["score"] == row.score) & (truth["metric"] == "auprc")]
        same = same[same["smoothing_bp"] == row.smoothing_bp].iloc[0]
        assert row.value == same["value"]
        bounds = np.quantile(row.draws, [0.025, 0.975])
        assert bounds == pytest.approx([same["low"], same["high"]], rel=1e-5)
    fits = draws[draws["score"] == "prediction"].set_index(["model_id", "window"])
    own = found.fit[(found.fit["model_id"] == "hard") & (found.fit["cell"] == "all")]
    for row in own.itertuples():
        assert fits.at[("hard", row.window), "value"] == row.pearson


def test_the_signals_alone_make_the_same_of_equal_constants(run, found):
    truth = found.truth[found.truth["score"] == "signal-only mask"]
    numbers = ["metric", "smoothing_bp", "ratio", "value", "low", "high"]
    first, second, other = (
        truth.loc[truth["model_id"] == name, numbers].reset_index(drop=True)
        for name in ("soft-p05", "soft-p10", "hard")
    )
    pd.testing.assert_frame_equal(first, second)
    assert not first["value"].equals(other["value"])
    judged = {text.partition(":")[0] for _, text in run[2] if "signals only" in text}
    assert judged == {f"Scoring {name}, signals only" for name in ("soft-p05", "hard")}


def test_the_fit_is_that_of_the_predictions(found):
    rows = found.predictions[found.predictions["model_id"] == "hard"]
    for cell in ("all", *CELLS):
        part = rows if cell == "all" else rows[rows["cell"] == cell]
        fit = found.fit[(found.fit["model_id"] == "hard") & (found.fit["cell"] == cell)]
        own = fit[fit["window"] == LENGTH].iloc[0]
        error = part["predicted"] - part["measured"]
        assert own["n"] == len(part)
        assert own["mse"] == pytest.approx((error**2).mean())
        assert own["mae"] == pytest.approx(error.abs().mean())
        assert own["mask_ratio"] == pytest.approx(part["mask_ratio"].mean())
        expected = stats.pearsonr(part["predicted"], part["measured"]).statistic
        assert own["pearson"] == pytest.approx(expected, rel=1e-4)
        expected = stats.spearmanr(part["predicted"], part["measured"]).statistic
        assert own["spearman"] == pytest.approx(expected, rel=1e-4)


def test_every_model_stands_at_its_own_window_and_at_shorter_ones(found):
    windows = found.fit.groupby("model_id")["window"].unique().map(sorted).to_dict()
    assert windows == {
        "soft-p05": [4_000, LENGTH],
        "soft-p10": [4_000, LENGTH],
        "hard": [4_000, LENGTH],
        "macs3-1": [4_000, LENGTH],
        "cad-2kb": [2_000],
    }
    assert found.fit.loc[found.fit["model_id"] == "cad-2kb", "mask_ratio"].isna().all()


def test_predictions_are_the_predictors(found, models, evaluation_demo):
    row = found.predictions[found.predictions["model_id"] == "soft-p05"].iloc[3]
    window = Dataset.load(evaluation_demo).window(row["gene"], row["cell"]).crop(LENGTH)
    predicted = Predictor(models[0], "cpu").predict(window)
    assert row["predicted"] == pytest.approx(predicted.expression, abs=1e-5)
    assert row["mask_ratio"] == pytest.approx(predicted.ratio, abs=1e-6)
    assert row["measured"] == pytest.approx(window.label, abs=1e-6)


def test_every_score_is_judged_raw_and_smoothed(found):
    truth = found.truth
    scores = set(truth["score"])
    assert scores >= {
        *("DNase", "DNase × H3K27ac", "DNase × H3K27ac × contact", "ABC", "distance to the TSS"),
        *("MACS3 q 0.001", "MACS3 q 0.05", "MACS3 q 0.1", "MACS3 -log10 q"),
        *("learned mask", "learned mask, hard rule", "signal-only mask"),
    }
    masks = truth[truth["score"] == "learned mask"]
    assert set(masks["model_id"]) == {"soft-p05", "soft-p10", "hard"}
    areas = truth[truth["metric"] == "auprc"]
    assert areas["value"].between(0, 1).all()
    for score, part in areas.groupby(["score", "model_id"], dropna=False):
        raw, *smooth = sorted(part["smoothing_bp"])
        calls = score[0].startswith("MACS3 q") or score[0].endswith("hard rule")
        assert raw == 0 and len(smooth) == (0 if calls else 1)
        assert set(smooth) <= set(WIDTHS)
    ratios = truth[truth["metric"] == "f1_at_ratio"].groupby(["score", "smoothing_bp"])["ratio"]
    macs3 = truth[(truth["score"] == "MACS3 q 0.05") & (truth["metric"] == "f1_at_ratio")]
    assert ratios.get_group(("DNase", 0)).tolist() == [pytest.approx(macs3["ratio"].iloc[0]), 0.1]


def test_peaks_in_the_table_are_the_batches_peaks(found, evaluation_demo):
    """The peaks that networks read and those that are judged are the same bases."""
    dataset = Dataset.load(evaluation_demo)
    windows = examples(dataset, "test", list(CELLS), LENGTH)
    truth = planted_truth(dataset, 2_000)
    called = causal = both = counted = 0
    for i, example in enumerate(windows.table):
        true, here = truth(example)
        peaks = windows.batch([i]).peaks[0].numpy() & here
        called, causal = called + peaks.sum(), causal + (true & here).sum()
        both, counted = both + (peaks & true).sum(), counted + here.sum()
    row = found.truth[
        (found.truth["score"] == "MACS3 q 0.05") & (found.truth["metric"] == "f1_at_ratio")
    ].iloc[0]
    assert row["ratio"] == pytest.approx(called / counted)
    assert row["value"] == pytest.approx(2 * both / (called + causal))


def test_the_ratio_of_the_peaks_that_stand_for_a_mask(found, evaluation_demo):
    windows = examples(Dataset.load(evaluation_demo), "test", list(CELLS), LENGTH)
    share = np.mean([windows.batch([i]).peaks.float().mean() for i in range(len(windows))])
    own = found.fit[(found.fit["model_id"] == "macs3-1") & (found.fit["window"] == LENGTH)]
    assert own.loc[own["cell"] == "all", "mask_ratio"].item() == pytest.approx(share, rel=1e-5)
    assert share > 0


def test_the_tilt_beside_the_other_prior(run, models, evaluation_demo):
    rows = pd.read_parquet(run[0] / "priors.parquet").set_index(["model_id", "other_id"])
    assert len(rows) == 6
    both = rows.loc["soft-p05", "soft-p10"].set_index("to_strength")
    rows = rows[~rows.index.duplicated()]
    dataset = Dataset.load(evaluation_demo)
    windows = examples(dataset, "test", list(CELLS), LENGTH)
    truth = planted_truth(dataset, 2_000)
    own, other = (Predictor(path, "cpu") for path in models[:2])
    tilted, trained, slid = [], [], []
    for example in windows.table:
        window = dataset.window(example.gene, example.cell).crop(LENGTH)
        here = truth(example)[1]
        prior = BetaPrior(*other.config.prior)
        tilted.append(own.posterior(window).retilt(prior).mean[here])
        slider = BetaPrior.from_mean(prior.mean, BetaPrior(*own.config.prior).strength)
        slid.append(own.posterior(window).retilt(slider).mean[here])
        trained.append(other.posterior(window).mean[here])
    x, y = (np.concatenate(part).astype(float) for part in (tilted, trained))
    row = rows.loc["soft-p05", "soft-p10"]
    assert row["prior_mean"] == pytest.approx(0.05) and row["to_mean"] == pytest.approx(0.1)
    assert row["correlation"] == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-4)
    assert row["tilted_ratio"] == pytest.approx(x.mean(), rel=1e-4)
    assert row["trained_ratio"] == pytest.approx(y.mean(), rel=1e-4)
    assert both.index.tolist() == pytest.approx([100, 200])
    assert both["tilted_ratio"].iloc[1] == pytest.approx(np.concatenate(slid).mean(), rel=1e-4)
    assert both["tilted_ratio"].iloc[1] != pytest.approx(row["tilted_ratio"], rel=1e-3)
    same = rows.loc["soft-p05", "soft-p05"]
    assert same["correlation"] == pytest.approx(1)
    assert same["auprc_tilted"] == same["auprc_trained"]


def test_only_models_that_differ_in_their_prior_are_swept(models):
    from seq2exp.analysis.evaluate.outputs import Network

    groups = sweeps([Network.load(path) for path in models])
    assert [[network.id for network in group] for group in groups] == [["soft-p05", "soft-p10"]]


def test_the_tables_in_markdown(run):
    text = (run[0] / "tables.md").read_text()
    header = next(line for line in text.splitlines() if line.startswith("| System | Window"))
    assert "MSE K562 (published, real data)" in header
    rows = [line for line in text.splitlines() if line.startswith("| Seq2Exp-hard | 20,000 bp")]
    assert len(rows) == 1 + len(CELLS) and "0.1863 ± 0.0051" in rows[0]
    cut = next(line for line in text.splitlines() if line.startswith("| Seq2Exp-hard | 4,000 bp"))
    assert "0.1863" not in cut
    for heading in ("AUPRC, per base", "Element AUC", "Prior sweep", "Published, on real data"):
        assert heading in text
    assert markdown([{"a": "x|y", "b": "1"}]) == "| a | b |\n|---|---|\n| x\\|y | 1 |\n"


def test_on_the_command_line(models, evaluation_demo, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SEQ2EXP_MODELS", str(models[0].parent))
    out = tmp_path / "results"
    out.mkdir()
    (out / "priors.parquet").write_text("of an earlier run")
    arguments = [
        *("evaluate", "cad-2kb", models[4], "--dataset", evaluation_demo, "--out", out),
        *("--cell", CELLS[0], "--cut", 0, "--length", 4_000, "--replicates", 5),
        *("--device", "cpu", "--json", "-"),
    ]
    with pytest.raises(SystemExit) as end:
        cli.main([str(argument) for argument in arguments])
    assert end.value.code == 0
    about = json.loads(capsys.readouterr().out)
    assert about["models"] == ["cad-2kb", "macs3-1"] and about["cells"] == [CELLS[0]]
    fit = pd.read_parquet(out / "fit.parquet")
    assert set(fit["window"]) == {2_000, 4_000}
    assert not (out / "priors.parquet").exists()


def test_what_cannot_be_evaluated_is_said(models, evaluation_demo, tmp_path):
    with pytest.raises(InputError, match="no model"):
        evaluate([], evaluation_demo, tmp_path)
    with pytest.raises(InputError, match="id hard"):
        evaluate([models[2], models[2]], evaluation_demo, tmp_path)
    with pytest.raises(InputError, match="even length"):
        evaluate(models, evaluation_demo, tmp_path, Options(cuts=(3,)))
    with pytest.raises(InputError, match="below 0"):
        evaluate(models, evaluation_demo, tmp_path, Options(seed=-1))
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file"):
        evaluate(models, evaluation_demo, tmp_path / "file")
    model, card = load_any(models[4])
    save_model(tmp_path / "odd.safetensors", model, {**card, "seed": "x"})
    with pytest.raises(InputError, match="has the seed 'x'"):
        evaluate([tmp_path / "odd.safetensors"], evaluation_demo, tmp_path / "out")


def test_a_card_names_no_place_on_disk(models, evaluation_demo, tmp_path):
    """What is kept while it runs lies in a folder of its own, and the user's files are left."""
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").touch()
    model, card = load_any(models[0])
    of = {"dataset": {"name": "Another", "digest": "0" * 64}}
    save_model(tmp_path / "odd.safetensors", model, {**card, "id": str(mine), **of})
    twice = [CELLS[0], CELLS[0].upper()]
    options = Options(cells=twice, cuts=(), length=4_000, replicates=2)
    about = evaluate([tmp_path / "odd.safetensors"], evaluation_demo, tmp_path / "out", options)
    assert (mine / "thesis.txt").exists()
    assert about["cells"] == [CELLS[0]]
    assert any("was trained on other data, Another (000000000000)" in n for n in about["notes"])


def test_published_numbers():
    table = pd.read_csv(benchmarks_dir() / "published.csv")
    assert not table.duplicated(["model", "cell", "metric"]).any()
    assert table["source"].notna().all() and table["window"].gt(0).all()
    known = table.set_index(["model", "cell", "metric"])["mean"]
    # A transcription slip would most likely break one of these sums (of the tables' columns).
    of_paper = table[table["source"].str.contains("Tables 1")]
    sums = of_paper.groupby(["cell", "metric"])["mean"].sum()
    assert sums.round(4).to_dict() == {
        ("K562", "mse"): 1.9636,
        ("K562", "mae"): 3.0357,
        ("K562", "pearson"): 7.6216,
        ("GM12878", "mse"): 1.9395,
        ("GM12878", "mae"): 3.1134,
        ("GM12878", "pearson"): 7.8999,
    }
    assert known["seq2exp-soft", "K562", "mse"] == 0.1856
    assert known["seq2exp-retrain", "GM12878", "pearson"] == 0.8941
    assert known["macs3", "GM12878", "mask_ratio"] == 0.1595
    assert known["caduceus-signals-2kb", "K562", "mse"] == 0.1863
    assert known["prism", "GM12878", "pearson"] == 0.9016
