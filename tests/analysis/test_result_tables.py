"""Results read back and laid out, against what is counted by hand from the same rows."""

import hashlib
import statistics
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from example_results import PUBLISHED, RUNS, WINDOWS, write_results

from seq2exp.analysis import result_tables, results
from seq2exp.errors import InputError

GENES = [(f"ENSG{i:011d}", f"GENE{i}", "chrT") for i in range(12)]
CELLS = ("a", "b")


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> results.Results:
    folder = write_results(tmp_path_factory.mktemp("results") / "demo", GENES, CELLS)
    return results.load_results(folder)


def test_all_tables_are_read(found):
    runs = sum(len(ids) for _, ids, _ in RUNS) + 3
    assert len(found.predictions) == runs * 2 * len(GENES) * len(CELLS)
    assert found.simulated is True and found.dataset_name == "Simulated demo"
    assert len(found.published) == PUBLISHED.count("\n") - 1


def test_a_model_is_known_by_its_weights(found, tmp_path):
    files = {name: tmp_path / f"{name}.safetensors" for name in ("shipped", "changed", "new")}
    for name, path in files.items():
        path.write_text(name)
    of = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    known = {"run-1": of["shipped"], "changed": "0" * 64, "twin": of["shipped"]}
    there = replace(found, about={"weights": known})
    names = {name: there.name_of(name, path) for name, path in files.items()}
    assert names == {"shipped": "run-1", "changed": "", "new": "new"}
    assert there.name_of("twin", files["shipped"]) == "twin"
    assert found.name_of("changed", files["changed"]) == "changed"


def test_a_folder_without_tables_has_no_results(tmp_path):
    assert results.load_results(tmp_path) is None
    assert results.load_results(tmp_path / "nowhere") is None


def test_one_table_is_enough(tmp_path, found):
    found.fit.to_parquet(tmp_path / "fit.parquet")
    alone = results.load_results(tmp_path)
    assert alone.truth is None and alone.simulated is None and len(alone.fit) == len(found.fit)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("fit.parquet", b"no parquet", "fit.parquet is not a readable"),
        ("evaluate.json", b"{", "evaluate.json is not readable"),
        ("published.csv", b"model,cell\nx,y\n", "no column 'metric'"),
        ("published.csv", b"", "published.csv is not a readable"),
        ("evaluate.json", b"[", "make the results anew"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, name, content, said):
    folder = write_results(tmp_path, GENES, CELLS)
    (folder / name).write_bytes(content)
    with pytest.raises(InputError, match=said):
        results.load_results(folder)


def test_a_missing_column_is_named(tmp_path, found):
    found.fit.drop(columns="pearson").to_parquet(tmp_path / "fit.parquet")
    with pytest.raises(InputError, match=r"fit\.parquet has no column 'pearson'"):
        results.load_results(tmp_path)


def test_text_among_the_numbers_is_named(tmp_path, found):
    found.fit.assign(mse="low").to_parquet(tmp_path / "fit.parquet")
    with pytest.raises(InputError, match=r"fit\.parquet has text in a column of numbers"):
        results.load_results(tmp_path)


def test_means_and_sd_over_seeds(found):
    summary = result_tables.fit_summary(found.fit, "test", "all")
    row = summary[summary["model"] == "caduceus-signals"].iloc[0]
    values = [
        r["mse"]
        for r in found.fit.to_dict("records")
        if (r["model"], r["split"], r["cell"], r["window"])
        == ("caduceus-signals", "test", "all", max(WINDOWS))
    ]
    assert (row["seeds"], row["window"], row["n"]) == (3, max(WINDOWS), len(GENES))
    assert row["mse_mean"] == pytest.approx(statistics.mean(values))
    assert row["mse_sd"] == pytest.approx(statistics.stdev(values))
    assert np.isnan(row["mask_ratio_mean"])


def test_one_seed_has_no_sd_and_keeps_its_own_window(found):
    summary = result_tables.fit_summary(found.fit, "test", "b")
    row = summary[summary["model"] == "caduceus-signals-2kb"].iloc[0]
    assert (row["seeds"], row["window"]) == (1, 2_000) and np.isnan(row["mse_sd"])


def test_models_of_one_seed_are_settings_of_their_own(found):
    summary = result_tables.fit_summary(found.fit, "test", "all")
    soft = summary[summary["model"] == "seq2exp-soft"]
    assert list(soft["setting"]) == ["soft-p05", "soft-p10", "soft-p20"]
    assert list(soft["system"]) == [f"Seq2Exp-soft ({name})" for name in soft["setting"]]
    assert (soft["seeds"] == 1).all()


@pytest.mark.parametrize(
    ("ids", "names"),
    [
        (["x-p05-s1", "x-p05-s2", "x-p10-s1", "x-p10-s2"], ["x-p05", "x-p05", "x-p10", "x-p10"]),
        (["x-5-1", "x-5-2", "y_seed1", "y_seed2"], ["x-5", "x-5", "y", "y"]),
        (["x10", "x20", "y", "z"], ["x10", "x20", "y", "z"]),
    ],
)
def test_a_setting_is_a_model_without_its_seed(ids, names):
    frame = pd.DataFrame({"model": "m", "model_id": ids, "seed": [1, 2, 1, 2]})
    assert list(result_tables.settings(frame)) == names


def test_runs_that_differ_in_their_seed_are_one_setting():
    frame = pd.DataFrame({"model": "m", "model_id": ["p", "q"], "seed": [1, 2]})
    assert list(result_tables.settings(frame)) == ["", ""]


def test_tables_have_the_order_of_the_registry(found):
    summary = result_tables.fit_summary(found.fit, "test", "all", every_window=True)
    assert list(dict.fromkeys(summary["model"])) == [
        "seq2exp-soft",
        "macs3",
        "caduceus-signals",
        "caduceus-signals-2kb",
    ]
    cut = summary[summary["model"] == "caduceus-signals"]
    assert tuple(cut["window"]) == WINDOWS


def test_published_numbers_stand_beside_their_system_alone(found):
    summary = result_tables.fit_summary(found.fit, "test", "all")
    table = result_tables.with_published(summary, found.published, "K562").set_index("model")
    assert table.loc["caduceus-signals", "published_mse_mean"] == 0.1959
    assert table.loc["caduceus-signals", "published_pearson_sd"] == 0.0008
    assert table.loc["macs3", "published_mask_ratio_mean"] == 0.1361
    assert np.isnan(table.loc["macs3", "published_mse_mean"])  # that one is GM12878's
    assert table.loc["seq2exp-soft", "published_mse_mean"].isna().all()


def truth_rows(values, ratio=None, seeds=(1, 2), score="learned mask", metric="auprc"):
    return [
        {"score": score, "model": "seq2exp-coupled", "model_id": f"c-s{seed}", "seed": seed}
        | {"split": "test", "metric": metric, "smoothing_bp": 0, "ratio": ratio, "n_genes": 9}
        | {"value": value, "low": value - 0.1, "high": value + 0.2}
        for seed, value in zip(seeds, values, strict=True)
    ]


def test_a_score_of_several_seeds_gets_the_interval_that_covers_theirs():
    frame = pd.DataFrame(truth_rows([0.4, 0.6]))
    (row,) = result_tables.truth_summary(frame, "test", "auprc").to_dict("records")
    assert row["value"] == pytest.approx(0.5) and row["seeds"] == 2
    assert (row["low"], row["high"]) == pytest.approx((0.3, 0.8))
    assert row["label"] == "learned mask, Seq2Exp-coupled"


def test_each_seeds_own_mask_ratio_is_averaged_and_a_second_ratio_kept_apart():
    rows = truth_rows([0.4], 0.08, (1,), metric="f1_at_ratio")
    rows += truth_rows([0.6], 0.10, (2,), metric="f1_at_ratio")
    (row,) = result_tables.truth_summary(pd.DataFrame(rows), "test", "f1_at_ratio").to_dict(
        "records"
    )
    assert row["ratio"] == pytest.approx(0.09) and row["value"] == pytest.approx(0.5)
    rows = truth_rows([0.4, 0.6], 0.08, metric="f1_at_ratio")
    rows += truth_rows([0.1, 0.3], 0.02, metric="f1_at_ratio")
    table = result_tables.truth_summary(pd.DataFrame(rows), "test", "f1_at_ratio")
    assert dict(zip(table["ratio"], table["value"], strict=True)) == pytest.approx(
        {0.08: 0.5, 0.02: 0.2}
    )


def test_scores_without_a_model_stay_in_the_table(found):
    summary = result_tables.truth_summary(found.truth, "test", "element_auc")
    assert set(summary["part"]) == {"open", "broken_motif"}
    own = found.truth[found.truth["metric"] == "element_auc:open"].set_index("score")["value"]
    shown = summary[summary["part"] == "open"].set_index("label")["value"]
    assert shown["DNase"] == own["DNase"]
    assert set(summary.loc[summary["score"] == "DNase", "seeds"]) == {0}
    assert "learned mask, Seq2Exp-soft (soft-p10)" in shown


def test_smoothed_and_raw_scores_are_rows_of_their_own(found):
    summary = result_tables.truth_summary(found.truth, "test", "auprc")
    assert {"DNase", "DNase, smoothed 501 bp"} <= set(summary["label"])


def test_the_wide_table_is_ordered_and_says_the_intervals(found):
    summary = result_tables.truth_summary(found.truth, "test", "precision")
    wide = result_tables.truth_wide(summary)
    assert list(wide.columns[-3:]) == ["0-10kb", "10-50kb", "50-100kb"]
    rows = found.truth[found.truth["metric"] == "precision@0-10kb"]
    best = rows.sort_values("value", ascending=False).iloc[0]
    expected = f"{best['value']:.3f} [{best['low']:.3f}, {best['high']:.3f}]"
    assert wide["0-10kb"].iloc[0] == expected
    assert sorted(wide["0-10kb"], reverse=True) == list(wide["0-10kb"])


def test_the_prior_sweep_takes_soft_models_in_the_order_of_their_priors(found):
    cards = {
        "soft-p20": {"variant": "soft", "config": {"prior_mean": 0.2}},
        "soft-p05": {"model": "seq2exp-soft", "config": {"prior_mean": 0.05}},
        "cad-s1": {"model": "caduceus-signals", "config": {"prior_mean": 0.1}},
    }
    sweep = result_tables.prior_sweep(cards, found.fit, found.truth, "test")
    assert list(sweep["model_id"]) == ["soft-p05", "soft-p20"]
    fit = found.fit.query("model_id == 'soft-p05' and split == 'test' and cell == 'all'")
    assert sweep["mse"][0] == fit.loc[fit["window"] == max(WINDOWS), "mse"].item()
    truth = found.truth.query("model_id == 'soft-p20' and metric == 'auprc' and smoothing_bp == 0")
    assert sweep["auprc"][1] == truth["value"].item()
    assert len(result_tables.prior_sweep(cards, None, None, "test")) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (result_tables.spread(0.2391, 0.0042), "0.239 ± 0.004"),
        (result_tables.spread(0.2391, float("nan")), "0.239"),
        (result_tables.spread(float("nan"), 1.0), ""),
        (result_tables.interval(0.2229, 0.2, 0.25), "0.223 [0.200, 0.250]"),
        (result_tables.interval(0.2229, float("nan"), float("nan")), "0.223"),
        (result_tables.interval(float("nan"), 0.1, 0.2), ""),
    ],
)
def test_numbers_are_written_with_their_spread(text, expected):
    assert text == expected


def test_distances_are_sorted_as_numbers():
    frame = pd.DataFrame({"part": ["50-100kb", "2.5-10kb", "10-50kb", "0-2.5kb"]})
    assert result_tables.parts(frame) == ["0-2.5kb", "2.5-10kb", "10-50kb", "50-100kb"]
    frame = pd.DataFrame({"part": ["open", "broken"]})
    assert result_tables.parts(frame) == ["open", "broken"]
    frame = pd.DataFrame({"part": [result_tables.OWN_RATIO, "10.00 %", "4.82 %"]})
    assert result_tables.parts(frame) == ["4.82 %", "10.00 %", result_tables.OWN_RATIO]


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("ctcf", "open CTCF site"),
        ("open_decoys", "any open decoy"),
        ("10-30kb", "10–30 kb"),
        ("4.82 %", "4.82 %"),
    ],
)
def test_parts_have_names_for_reading(part, name):
    assert result_tables.part_title(part) == name


def test_seeds_whose_smoothing_differs_are_one_row():
    rows = truth_rows([0.4, 0.6])
    rows[0]["smoothing_bp"], rows[1]["smoothing_bp"] = 41, 161
    (row,) = result_tables.truth_summary(pd.DataFrame(rows), "test", "auprc").to_dict("records")
    assert row["label"] == "learned mask, Seq2Exp-coupled, smoothed 41–161 bp"
    assert row["seeds"] == 2 and row["value"] == pytest.approx(0.5)


def test_f1_has_a_column_for_each_share_and_one_for_what_calls_itself():
    rows = [row for share in (0.05, 0.1) for row in truth_rows([0.4, 0.6], share)]
    none = {"model": None, "model_id": None, "seed": None}
    peaks = [row | none for share in (0.05, 0.1, 0.03) for row in truth_rows([0.3], share, (1,))]
    frame = pd.DataFrame([*rows, *(row | {"score": "MACS3 q 0.01"} for row in peaks)])
    frame["metric"] = "f1_at_ratio"
    wide = result_tables.truth_wide(result_tables.truth_summary(frame, "test", "f1_at_ratio"))
    wide = wide.set_index("label")
    assert list(wide.columns[-3:]) == ["5.00 %", "10.00 %", result_tables.OWN_RATIO]
    mask, called = wide.loc["learned mask, Seq2Exp-coupled"], wide.loc["MACS3 q 0.01"]
    assert (mask["ratio_text"], mask[result_tables.OWN_RATIO]) == ("", "")
    assert (called["ratio_text"], called[result_tables.OWN_RATIO][:5]) == ("3.00 %", "0.300")


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ({"seq2exp-soft": 0.4, "seq2exp-hard": 0.4}, {"signal-only mask"}),
        (
            {"seq2exp-soft": 0.4, "seq2exp-coupled": 0.3},
            {"signal-only mask, Seq2Exp-soft", "signal-only mask, Seq2Exp-coupled"},
        ),
    ],
)
def test_a_mask_of_the_signals_alone_is_one_row_where_it_is_one_mask(values, labels):
    rows = [
        row | {"model": model, "model_id": f"{model}-{row['seed']}"}
        for model, value in values.items()
        for row in truth_rows([value, value], score="signal-only mask")
    ]
    summary = result_tables.truth_summary(pd.DataFrame(rows), "test", "auprc")
    assert set(summary["label"]) == labels and len(summary) == len(labels)
    assert (summary["seeds"] == 0).all()


def test_masks_of_the_signals_that_differ_within_a_system_stay_apart():
    rows = truth_rows([0.4, 0.5], score="signal-only mask")
    (row,) = result_tables.truth_summary(pd.DataFrame(rows), "test", "auprc").to_dict("records")
    assert row["seeds"] == 2 and row["value"] == pytest.approx(0.45)


def test_tilted_masks_are_compared_over_seeds():
    frame = pd.DataFrame(
        [
            {"model": "seq2exp-soft", "model_id": f"a{seed}", "seed": seed, "prior_mean": 0.05}
            | {"prior_strength": 200.0, "to_strength": 200.0, "split": "test", "correlation": r}
            | {"other_id": f"b{seed}", "to_mean": 0.1}
            | {"untilted_correlation": 0.8, "tilted_ratio": 0.09, "trained_ratio": 0.1}
            | {"auprc_tilted": None, "auprc_trained": None}
            for seed, r in ((1, 0.9), (2, 0.8))
        ]
    )
    itself = frame.assign(other_id=frame["model_id"], to_mean=0.05, correlation=1.0)
    trained = frame.assign(to_strength=100.0, correlation=0.7)
    rows = result_tables.tilt_summary(pd.concat([frame, itself, trained])).to_dict("records")
    assert [row["to_strength"] for row in rows] == [100, 200]
    assert rows[0]["correlation_mean"] == pytest.approx(0.7)
    row = rows[1]
    assert (row["system"], row["prior_mean"], row["to_mean"]) == ("Seq2Exp-soft", 0.05, 0.1)
    assert row["seeds"] == 2 and row["correlation_mean"] == pytest.approx(0.85)
    assert row["correlation_sd"] == pytest.approx(statistics.stdev([0.9, 0.8]))
    assert np.isnan(row["auprc_tilted_mean"])


def test_the_best_of_a_column_are_all_that_are_written_alike():
    values = pd.Series([0.2204, 0.2199, np.nan, 0.3])
    assert list(result_tables.best(values, highest=False)) == [True, True, False, False]
    assert list(result_tables.best(values, highest=True)) == [False, False, False, True]
    assert not result_tables.best(pd.Series([np.nan]), highest=True).any()


def test_a_stamp_changes_with_the_files(tmp_path):
    (tmp_path / "fit.parquet").write_bytes(b"1")
    before = results.stamp(tmp_path)
    assert results.stamp(tmp_path) == before
    (tmp_path / "fit.parquet").write_bytes(b"12")
    assert results.stamp(tmp_path) != before
    assert results.stamp(tmp_path / "nowhere") == ()


def test_the_folder_asked_for_comes_first(tmp_path, monkeypatch):
    write_results(tmp_path / "demo", GENES[:2], CELLS)
    write_results(tmp_path / "other", GENES[:2], CELLS)
    monkeypatch.setattr(results, "benchmarks_dir", lambda: tmp_path)
    assert [p.name for p in results.result_folders()] == ["demo", "other"]
    assert [p.name for p in results.result_folders([tmp_path / "other"])] == ["other", "demo"]
