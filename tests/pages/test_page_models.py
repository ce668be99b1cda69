"""The Models page: its tables, the switch of the active model, and words for what is missing."""

import json
from pathlib import Path

import pandas as pd
import pytest
import torch
from example_results import LOG, write_results

from seq2exp.analysis.results import title
from seq2exp.datasets.catalog import Dataset
from seq2exp.model import registry
from seq2exp.model.checkpoint import save_model

PAGE = "pages/models.py"
SOFT = {"tiny-p05": 0.05, "tiny-p10": 0.1, "tiny-p20": 0.2}
METRICS = {
    "test": {
        "examples": 268,
        "mse": 0.24,
        "mae": 0.39,
        "pearson": 0.76,
        "mask_ratio": 0.09,
        "mean_predictor": {"mse": 0.57, "mae": 0.61, "pearson": None},
        "mask": {"causal_share": 0.005, "auprc_mask": 0.02, "auprc_untrained_mask": 0.02},
    }
}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory) -> Path:
    """Three soft models at their priors, one with a log, and a baseline."""
    folder = tmp_path_factory.mktemp("shelf")
    torch.manual_seed(5)
    known = {"name": "Simulated demo", "digest": "0" * 64, "simulated": True}
    for name, prior in SOFT.items():
        model = registry.make("seq2exp-soft", "tiny", {"prior_mean": prior})
        card = {"model": "seq2exp-soft", "title": f"Soft at {prior}", "dataset": known}
        card |= {"metrics": METRICS, "seed": 1, "label_mean": 1.25, "command": "seq2exp train …"}
        save_model(folder / f"{name}.safetensors", model, card)
    (folder / "tiny-p05.log.csv").write_text(LOG)
    save_model(
        folder / "a-caduceus.safetensors",
        registry.make("caduceus", "tiny"),
        {"model": "caduceus", "title": "Tiny Caduceus", "dataset": known},
    )
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory, demo) -> Path:
    dataset = Dataset.load(demo)
    genes = [(g.id, g.name, g.chrom) for g in list(dataset.annotation.genes.values())[:15]]
    return write_results(
        tmp_path_factory.mktemp("results") / "example", genes, list(dataset.cells), list(SOFT)
    )


@pytest.fixture
def open_models(open_app, demo, shelf, folder, monkeypatch):
    """Open the app and go to its Models page."""

    def opened(*arguments: str, models: Path = shelf):
        monkeypatch.setenv("SEQ2EXP_MODELS", str(models))
        app = open_app("--dataset", str(demo), *(arguments or ("--results", str(folder))))
        app.at.switch_page(PAGE)
        return app.run()

    return opened


@pytest.fixture(scope="module")
def shown_models(open_app, demo, shelf, folder):
    """The page as it opens, for tests that only look."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQ2EXP_MODELS", str(shelf))
        app = open_app("--dataset", str(demo), "--results", str(folder))
        app.at.switch_page(PAGE)
        yield app.run()


@pytest.fixture(scope="module")
def tabbed(open_app, demo, shelf, folder):
    """The page for tests that open its tabs and look."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQ2EXP_MODELS", str(shelf))
        app = open_app("--dataset", str(demo), "--results", str(folder))
        app.at.switch_page(PAGE)
        yield app.run()


def infos(app) -> str:
    return "\n".join(box.value for box in app.at.info)


def table(app, name: str):
    """A table by the file name of the buttons below it; None where there is none."""
    keys = [str(button.key) for button in app.at.download_button]
    names = [key.removeprefix("csv-") for key in keys if key.startswith("csv-")]
    assert len(names) == len(app.at.dataframe)
    return app.at.dataframe[names.index(name)].value if name in names else None


def open_tab(app, key: str, name: str):
    """Open a tab; what stands on the others is not there then."""
    app.at.session_state[key] = name
    return app.run()


def test_it_lists_every_model_those_with_a_mask_first(shown_models):
    app = shown_models
    assert app.errors() == []
    models = table(app, "models")
    assert list(models["id"]) == [*SOFT, "a-caduceus"]
    assert list(models["active"]) == ["●", "", "", ""]
    assert (models["data"] == "simulated").all()
    assert app.at.selectbox(key="model").value == "tiny-p05"


@pytest.mark.parametrize(
    ("tab", "tables", "figures"),
    [
        ("Fit", ["fit", "window-cut"], 2),
        ("Against planted truth", ["truth-auprc"], 2),
        ("In-silico deletion", ["deletions"], 2),
        ("Prior sweep", ["prior-sweep", "prior-tilt"], 2),
        ("CRISPRi", ["crispri"], 2),
    ],
)
def test_a_tab_of_the_benchmarks_has_its_tables(tabbed, tab, tables, figures):
    app = open_tab(tabbed, "results-tab", tab)
    assert app.errors() == []
    for name in tables:
        assert len(table(app, name)), name
    # One of them is the scatter of predicted against measured.
    assert len(app.at.get("plotly_chart")) == figures


def test_the_learning_curves_and_the_card_have_tabs_of_their_own(open_models):
    app = open_tab(open_models(), "model-tab", "Learning curves")
    assert "What moved the mask" in "\n".join(text.value for text in app.at.markdown)
    assert len(table(app, "tiny-p05-log")) == 9
    app = open_tab(app, "model-tab", "Card")
    assert list(table(app, "tiny-p05-fit")["predictor"]) == ["This model", "Training mean"]
    assert app.at.code[0].value == "seq2exp train …"


def test_the_cards_warnings_come_first(shown_models):
    (said,) = shown_models.warnings()
    assert said.startswith("It knows simulated data only") and "mask learnt nothing" in said


def test_the_fit_table_has_published_numbers_in_their_own_columns(open_models):
    app = open_models()
    shown = table(app, "fit").set_index("system")
    row = shown.loc["Caduceus with signals"]
    assert row["published_mse"] == "0.196 ± 0.004" and row["published_pearson"] == "0.863 ± 0.001"
    assert " ± " in row["mse"] and row["seeds"] == 3
    assert shown.loc[title("macs3"), "published_mask_ratio"] == "13.61"
    assert "published, real data" in app.captions() and "no target" in app.captions()
    app.at.segmented_control(key="fit-paper").set_value("GM12878")
    shown = table(app.run(), "fit").set_index("system")
    assert shown.loc[title("macs3"), "published_mse"] == "0.234 ± 0.003"
    assert "published_pearson" not in shown
    # The best of all systems, and of the paper's numbers, in words for who sees no colours.
    assert "The best of a column is shaded and bold." in app.captions()


def test_deletions_are_shown_for_a_kind_of_decoys(open_models):
    app = open_tab(open_models(), "results-tab", "In-silico deletion")
    shown = table(app, "deletions")
    assert len(shown) == 12 and shown["text"][0] == "0.810 [0.760, 0.860]"
    assert shown["label"][0] == "Seq2Exp-soft (tiny-p05, soft mask), loss"
    assert set(shown["against"]) == {"any open decoy", "not active in this cell type"}
    assert "AUROC, decoys: any open decoy (0 to 1" in app.at.get("plotly_chart")[1].proto.spec
    app.at.segmented_control(key="deletion-decoys").set_value("not active in this cell type")
    figure = json.loads(app.run().at.get("plotly_chart")[1].proto.spec)
    assert figure["layout"]["xaxis"]["title"]["text"].startswith("AUROC, decoys: not active in")


def test_another_measure_changes_the_truth_table(open_models):
    app = open_tab(open_models(), "results-tab", "Against planted truth")
    app.at.segmented_control(key="truth-family").set_value("precision")
    shown = table(app.run(), "truth-precision")
    assert list(shown.columns[1:4]) == ["0-10kb", "10-50kb", "50-100kb"]
    assert "share of called elements" in app.captions()
    app.at.segmented_control(key="truth-part-precision").set_value("50-100kb")
    figure = json.loads(app.run().at.get("plotly_chart")[1].proto.spec)
    assert "50–100 kb" in figure["layout"]["xaxis"]["title"]["text"]


def test_smoothed_scores_stand_beside_what_has_no_smoothed_form(open_models):
    app = open_tab(open_models(), "results-tab", "Against planted truth")
    assert "DNase" in set(table(app, "truth-auprc")["label"])
    app.at.segmented_control(key="truth-form").set_value("smoothed")
    labels = set(table(app.run(), "truth-auprc")["label"])
    assert "DNase, smoothed 501 bp" in labels and "DNase" not in labels
    app.at.segmented_control(key="truth-family").set_value("f1_at_ratio")
    assert "DNase" in set(table(app.run(), "truth-f1_at_ratio")["label"])


def test_the_model_chosen_here_is_the_one_the_browser_opens_with(open_models):
    app = open_models()
    assert app.at.selectbox(key="model").value == "tiny-p05"
    app.at.selectbox(key="model").set_value("tiny-p20")
    app.run()
    assert list(table(app, "models")["active"]) == ["", "", "●", ""]
    assert app.link()["model"] == "tiny-p20"
    app.at.switch_page("pages/browser.py")
    app.settle()
    assert app.errors() == []
    assert app.at.selectbox("model").value == "tiny-p20"
    assert app.at.slider("prior").value == pytest.approx(0.2)
    app.at.switch_page(PAGE)
    assert app.run().at.selectbox(key="model").value == "tiny-p20"


def test_the_browsers_choice_is_the_one_shown_here(open_models):
    app = open_models()
    app.at.switch_page("pages/browser.py")
    app.run()
    app.at.selectbox("model").set_value("tiny-p10")
    app.run()
    app.at.switch_page(PAGE)
    assert app.run().at.selectbox(key="model").value == "tiny-p10"


def test_the_button_opens_the_browser_with_a_model_that_the_link_names(open_models):
    app = open_models()
    app.at.selectbox(key="model").set_value("tiny-p20")
    app.run()
    app.at.button[0].click()
    app.run()
    assert app.at.selectbox("gene").value
    assert app.at.selectbox("model").value == "tiny-p20"


def test_a_baseline_has_a_card_here_and_no_place_in_the_browser(open_models):
    app = open_models()
    app.at.selectbox(key="model").set_value("a-caduceus")
    app.run()
    assert "learns no mask" in infos(app)
    assert "no metrics" in app.warnings()[0]
    app.at.switch_page("pages/browser.py")
    app.settle()
    assert app.errors() == []
    assert app.at.selectbox("model").value in SOFT
    assert "a-caduceus" not in app.at.selectbox("model").options


def test_a_gene_of_the_list_opens_in_the_browser(open_models, demo):
    app = open_models()
    box = next(b for b in app.at.selectbox if str(b.key).startswith("gene-"))
    label = box.options[3]
    gene, _, rest = label.partition(" in ")
    cell = rest.partition(":")[0]
    box.set_value(label)
    app.run()
    app.at.button(key="points-open").click()
    app.run()
    assert app.at.selectbox("gene").value == gene
    assert app.at.selectbox("cell").value == cell
    assert app.at.selectbox("model").value == "tiny-p05"


def test_a_gene_that_the_data_set_lacks_stays_here_and_says_so(open_models, demo, tmp_path):
    folder = write_results(tmp_path, [("ENSG00000000009", "NOWHERE", "chr1")], ["K562"], list(SOFT))
    app = open_models("--results", str(folder))
    app.at.button(key="points-open").click()
    said = app.run().warnings()[-1]
    assert "ENSG00000000009 in K562 cannot be opened" in said and "--dataset" in said
    assert table(app, "fit") is not None


def test_the_training_mean_is_drawn_where_the_card_has_it(shown_models):
    app = shown_models
    figure = json.loads(app.at.get("plotly_chart")[0].proto.spec)
    assert "training mean, 1.25" in [trace["name"] for trace in figure["data"]]
    assert "no line shows it" not in app.captions()
    said = "\n".join(text.value for text in app.at.markdown)
    assert "Pearson r 0." in said and "n = 30 points" in said


def test_without_results_one_sentence_says_how_to_make_them(open_models, monkeypatch, tmp_path):
    monkeypatch.setattr("seq2exp.analysis.results.benchmarks_dir", lambda: tmp_path)
    app = open_models("--root", "")
    assert app.errors() == []
    # For the points, and for the tables.
    assert [code.value.count("seq2exp evaluate") for code in app.at.code] == [1, 1]
    assert table(app, "fit") is None


def test_without_a_log_it_says_where_to_put_one(open_models):
    app = open_models()
    app.at.selectbox(key="model").set_value("tiny-p10")
    assert "tiny-p10.log.csv" in infos(open_tab(app, "model-tab", "Learning curves"))


def test_damaged_results_get_one_message(open_models, folder, tmp_path):
    (tmp_path / "fit.parquet").write_bytes(b"nothing")
    app = open_models("--results", str(tmp_path))
    (message,) = app.errors()
    assert "fit.parquet" in message and "make the results anew" in message
    assert "There are no" not in infos(app) and len(table(app, "models")) == 4


def test_results_made_anew_are_read_anew(open_models, folder, tmp_path):
    for name in ("fit", "predictions"):
        (tmp_path / f"{name}.parquet").write_bytes((folder / f"{name}.parquet").read_bytes())
    app = open_models("--results", str(tmp_path))
    assert len(table(app, "fit")) == 6
    frame = pd.read_parquet(tmp_path / "fit.parquet")
    frame[frame["model"] != "macs3"].to_parquet(tmp_path / "fit.parquet")
    assert len(table(app.run(), "fit")) == 5


def test_results_that_are_not_there_are_named(open_models, tmp_path):
    app = open_models("--results", str(tmp_path / "nowhere"))
    assert any("nowhere" in message for message in app.errors())


def test_without_models_the_tables_are_still_there(open_models, tmp_path):
    app = open_models(models=tmp_path)
    assert "There are no models" in infos(app)
    assert len(table(app, "fit"))


def test_the_shipped_models_are_shown(open_models, folder):
    root = Path(__file__).resolve().parents[2]
    app = open_models("--results", str(folder), models=root / "data" / "models")
    assert app.errors() == []
    assert "There are no predictions" in infos(app)


def test_the_shipped_models_are_known_in_the_shipped_results(open_models):
    """They were evaluated under the names of the study's runs."""
    root = Path(__file__).resolve().parents[2] / "data"
    app = open_models("--results", str(root / "benchmarks" / "demo"), models=root / "models")
    assert app.errors() == [] and "There are no predictions" not in infos(app)
    chosen = app.at.selectbox(key="model").value
    points = table(app, f"{chosen}-test-predictions")
    runs = {"demo-coupled": "coupled-s1"}
    every = pd.read_parquet(root / "benchmarks" / "demo" / "predictions.parquet")
    own = every[(every["model_id"] == runs[chosen]) & (every["split"] == "test")]
    assert sorted(points["predicted"]) == sorted(own["predicted"])
    sweep = table(open_tab(app, "results-tab", "Prior sweep"), "prior-sweep")
    assert list(sweep["model_id"]) == ["demo-soft-p05", "demo-soft", "demo-soft-p20"]
    assert sweep.notna().all(axis=None)
