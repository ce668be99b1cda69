"""The In silico page: each experiment's numbers against runs of the network made here."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from pages.parts import resources
from pages.parts.experiments_table import about_of
from pages.parts.work import Setting
from seq2exp.datasets.catalog import Dataset
from seq2exp.export.session import Selection
from seq2exp.genome.locus import Interval
from seq2exp.genome.window import BASES
from seq2exp.inference.perturb import Edit
from seq2exp.inference.perturb.memory import Kept
from seq2exp.inference.predictor import MaskRule, Predictor
from seq2exp.model.checkpoint import save_model
from seq2exp.model.config import ModelConfig
from seq2exp.model.seq2exp import Seq2Exp

PAGE = "pages/experiments.py"
RULE = MaskRule("hard", threshold=0.4)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """Two small networks that differ in nothing but their seed."""
    folder = tmp_path_factory.mktemp("seeds")
    for seed in (1, 2):
        torch.manual_seed(seed)
        model = Seq2Exp(ModelConfig.soft("tiny"))
        with torch.no_grad():
            for name, weights in model.named_parameters():
                if name.endswith("A_log"):
                    weights.sub_(9)  # a long memory: the promoter hears of the whole mask
            model.pToExpr[-1].weight.mul_(30)
        card = {
            "title": f"Seed {seed}",
            "seed": seed,
            "dataset": {"digest": "0", "simulated": True},
        }
        save_model(folder / f"tiny-{seed}.safetensors", model, card)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQ2EXP_MODELS", str(folder))
        yield folder


@pytest.fixture(scope="module")
def app(open_app, shelf):
    """The page on the default gene, under a hard mask."""
    resources.boards.clear()
    Kept.forget()
    app = open_app(mode=RULE.mode, threshold=str(RULE.threshold)).settle()
    app.at.switch_page(PAGE)
    return app.settle()


@pytest.fixture(scope="module")
def window(demo):
    dataset = Dataset.load(demo)
    return dataset.window(dataset.default_gene, next(iter(dataset.cells)))


@pytest.fixture(scope="module")
def predictor(shelf):
    return Predictor(shelf / "tiny-1.safetensors")


@pytest.fixture(scope="module")
def mask(predictor, window):
    return RULE.mask(predictor.posterior(window))


@pytest.fixture(scope="module")
def reference(predictor, window, mask):
    return predictor.express(window, mask)


def open_tab(app, name):
    """Open a tab by its link, which the page follows as it does a click."""
    app.at.query_params["experiment"] = name
    app.at.session_state["experiment"] = name
    return app.run()


def press(app, key):
    app.at.button(key).click()
    return app.settle()


#: By what a table is of, a column that no other table of the page has.
COLUMNS = {
    **{"deletions": "rank", "saturation": "letter", "windows": "kept", "seeds": "low"},
    **{"variants": "delta_mask", "refused": "reason", "crispri": "p_adjusted"},
    "agreement": "spearman",
}


def table(app, name):
    """A table as it is shown; None where there is none."""
    for one in app.at.dataframe:
        if COLUMNS[name] in one.value:
            return one.value
    return None


def infos(app):
    return "\n".join(box.value for box in app.at.info)


def select(app, window, *offsets, width=400):
    """Put spans at these distances from the TSS into the BED selection."""
    tss, chrom = window.gene.tss, window.interval.chrom
    app.at.session_state["selections"] = [
        Selection(chrom, tss + at, tss + at + width, f"s{i}") for i, at in enumerate(offsets)
    ]


def test_nothing_runs_before_it_is_asked_for(app):
    assert app.errors() == []
    assert table(app, "deletions") is None
    label = app.at.button("run-deletion").label
    assert label.startswith("Delete ") and label.endswith("intervals")


def test_deletions_are_predictions_with_the_mask_closed(app, window, predictor, mask, reference):
    open_tab(app, "Delete")
    select(app, window, -30_000, -200, 15_000)
    app.at.pills("of").set_value(["selection"])
    press(app.run(), "run-deletion")
    found = table(app, "deletions").set_index("name")
    deltas = {}
    for i, at in enumerate((-30_000, -200, 15_000)):
        first = window.tss_index + at
        closed = mask.copy()
        closed[first : first + 400] = 0
        deltas[f"s{i}"] = predictor.express(window, closed) - reference
        assert found.loc[f"s{i}", "mean_mask"] == pytest.approx(mask[first : first + 400].mean())
    assert found["delta"].to_dict() == pytest.approx(deltas, abs=1e-6)
    assert found["role"].to_dict() == {"s0": "distal", "s1": "promoter", "s2": "distal"}
    assert found.loc["s0", "position"] == window.gene.tss - 30_000 + 1
    ranks = sorted(deltas, key=lambda name: -abs(deltas[name]))
    assert list(found.index) == ranks and list(found["rank"]) == [1, 2, 3]


def test_the_browser_shows_the_deletions_of_the_same_setting(app):
    open_tab(app, "Delete")
    made = table(app, "deletions")
    app.at.switch_page("pages/browser.py")
    app.settle()
    shown = table(app, "deletions")
    assert shown["name"].tolist() == made["name"].tolist()
    assert shown["delta"].tolist() == made["delta"].tolist()
    app.at.slider("threshold").set_value(0.405)
    assert table(app.settle(), "deletions") is None
    app.at.slider("threshold").set_value(RULE.threshold)
    assert table(app.settle(), "deletions")["name"].tolist() == made["name"].tolist()
    app.at.button("forget-deletions").click()
    assert table(app.settle(), "deletions") is None
    app.at.switch_page(PAGE)
    # By content: the page has what was run, though the Browser forgot it.
    assert table(app.settle(), "deletions").equals(made)


def test_a_stopped_batch_stays_as_far_as_it_came_and_goes_on_from_there(app, window, mask):
    open_tab(app, "Delete")
    # Where the mask is closed already, deleting needs no run that could be stopped.
    read = [at for at in range(-90_000, -2_000, 1_000) if mask[window.tss_index + at :][:400].any()]
    select(app, window, *read[:4])
    app.at.pills("of").set_value(["selection"])
    app.run()
    true, runs = Predictor.express, []
    board = resources.boards()["experiments"]

    def stopping(self, *arguments, **options):
        found = true(self, *arguments, **options)
        runs.append(found)
        if len(runs) == 2:
            (job,) = [job for job in board._jobs.values() if not job.over]
            job.stop()
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Predictor, "express", stopping)
        press(app, "run-deletion")
        assert any("2 of 4 intervals" in said for said in app.warnings())
        first = table(app, "deletions").set_index("name")["delta"]
        assert list(first.sort_index().index) == ["s0", "s1"]
        press(app, "go-on-deletion")
    everything = table(app, "deletions").set_index("name")["delta"]
    assert sorted(everything.index) == ["s0", "s1", "s2", "s3"]
    assert everything[["s0", "s1"]].to_dict() == first.to_dict()
    assert len(runs) == 4  # what was done is not done again


def test_rows_that_were_picked_are_not_others_of_the_next_table(app, window):
    """As many rows, of other intervals: Streamlit keeps what is picked by the table's key."""
    open_tab(app, "Delete")
    keys = []
    for shift in (0, 700):
        select(app, window, -40_000 + shift, 22_000 + shift)
        app.at.pills("of").set_value(["selection"])
        press(app.run(), "run-deletion")
        (key,) = [one.key for one in app.at.dataframe if "rank" in one.value]
        keys.append(key)
    assert keys[0] != keys[1]


def test_tiles_lie_side_by_side_and_too_many_are_refused(app, window):
    open_tab(app, "Delete")
    app.at.pills("of").set_value(["tile"])
    app.run()
    app.at.number_input("tile").set_value(50_000)
    app.at.number_input("step").set_value(50_000)
    app.run()
    start = window.interval.start + window.pad_left
    end = window.interval.end - window.pad_right
    count = -(-end // 50_000) - start // 50_000
    assert app.at.button("run-deletion").label == f"Delete {count} intervals"
    app.at.pills("of").set_value([])
    assert "Choose what to delete" in infos(app.run())


def test_saturation_has_a_row_a_base(app, window):
    open_tab(app, "Saturation")
    first = window.tss_index - 6
    start = window.interval.start + first
    app.at.selectbox("span").set_value(f"{window.interval.chrom}:{start + 1}-{start + 12}")
    press(app.run(), "run-saturation")
    found = table(app, "saturation")
    assert "".join(found["base"]) == "".join(BASES[code] for code in window.codes[first:][:12])
    assert list(found["position"]) == list(range(start + 1, start + 13))
    for row in found.itertuples(index=False):
        deltas = [getattr(row, base) for base in "ACGT"]
        assert deltas["ACGT".index(row.base)] == 0
        assert row.letter == pytest.approx(-sum(deltas) / 3)
    app.at.selectbox("span").set_value("simT1:1-2000000000")
    assert len(open_tab(app, "Saturation").errors()) == 1


def test_the_curve_ends_at_the_prediction(app, reference):
    press(open_tab(app, "Does distal matter"), "run-distal")
    curve = table(app, "windows")
    assert (curve["length"].iloc[0], curve["length"].iloc[-1]) == (2_000, 200_000)
    assert curve["cut"].iloc[-1] == curve["closed"].iloc[-1] == reference
    assert curve["kept"].is_monotonic_increasing and curve["kept"].iloc[-1] == 1


def test_masks_of_other_seeds_are_compared(app, window, predictor, shelf):
    open_tab(app, "Does distal matter")
    app.settle()
    masks = []
    for model in (predictor, Predictor(shelf / "tiny-2.safetensors")):
        posterior = model.posterior(window)
        masks.append(posterior.edit(posterior.mean))
    outside = np.delete(np.stack(masks), window.promoter, axis=1)
    r = np.corrcoef(outside.astype(np.float64))[0, 1]
    (said,) = [m.value for m in app.at.markdown if "nothing but their seed" in m.value]
    assert f"**{r:.3f}**" in said and "tiny-2" in said
    bins = table(app, "seeds")
    assert (bins["low"] <= bins["mean"]).all() and (bins["mean"] <= bins["high"]).all()


def test_a_variant_is_predicted_with_its_own_mask(app, window, predictor, reference):
    open_tab(app, "Variants")
    at = window.tss_index + 40
    there = BASES[window.codes[at]]
    other = {"A": "G", "G": "A", "C": "T", "T": "C"}[there]
    chrom, position = window.interval.chrom, window.interval.start + at + 1
    wrong = "ACGT".replace(there, "")[0]
    lines = [
        f"{chrom}:{position:,} {there}>{other}",
        f"{chrom}:{position} {wrong}>{there}",
        f"{chrom}:{position - 150_000 if position > 150_001 else position + 150_000} A>G",
    ]
    app.at.text_area("variants").set_value("\n".join(lines))
    app.run()
    assert any("1 variant lies outside the window" in said for said in app.warnings())
    refused = table(app, "refused")
    assert refused["variant"].tolist() == [f"{chrom}:{position:,} {wrong}>{there}"]
    assert f"has {there} there" in refused["reason"].iloc[0]
    press(app, "run-variants")
    (row,) = table(app, "variants").itertuples(index=False)
    codes = window.codes.copy()
    codes[at] = BASES.index(other)
    altered = predictor.predict(replace(window, codes=codes), RULE)
    assert row.delta == pytest.approx(altered.expression - reference, abs=1e-6)
    # A base that an edit has replaced is no longer the reference's.
    place = Interval(chrom, position - 1, position)
    app.at.session_state["edits"] = [Edit(place, "substitute", bases=other)]
    assert "has replaced this base" in table(app.settle(), "refused")["reason"].iloc[0]
    assert table(app, "variants") is None
    app.at.session_state["edits"] = []
    app.at.text_area("variants").set_value("\n".join(["rs123", lines[0]]))
    refused = table(app.run(), "refused")
    assert refused["variant"].tolist() == ["rs123"] and "rs123" in refused["reason"].iloc[0]
    assert table(app, "variants") is not None
    app.at.text_area("variants").set_value("")
    app.run()


def test_an_uploaded_vcf_outlives_a_look_at_another_tab(app, window):
    open_tab(app, "Variants")
    at = window.tss_index + 60
    there = BASES[window.codes[at]]
    other = next(base for base in "ACGT" if base != there)
    row = (window.interval.chrom, window.interval.start + at + 1, "mine", there, other)
    text = "\n".join(["##fileformat=VCFv4.3", "\t".join(map(str, row)), ""])
    (upload,) = app.at.get("file_uploader")
    upload.upload("small.vcf", text.encode())
    app.settle()
    assert "Test 1 variant" in [button.label for button in app.at.button]
    open_tab(app, "Does distal matter")
    open_tab(app, "Variants")
    assert "Test 1 variant" in [button.label for button in app.at.button]
    assert "small.vcf is still used" in app.captions()
    next(one for one in app.at.button if one.label == "Leave it out").click()
    assert "Test 1 variant" not in [button.label for button in app.settle().at.button]


def test_files_name_the_edits_that_their_numbers_start_from(window, predictor):
    place = Interval(window.interval.chrom, window.gene.tss, window.gene.tss + 500)
    edit, trained = Edit(place, "flatten", "DNase"), predictor.posterior(window)
    for edits, said in (((), None), ((edit, edit), f"{edit.describe()}; {edit.describe()}")):
        about = about_of(Setting("key", predictor, window, RULE, None, trained, edits), "demo")
        assert about.get("edited inputs") == said
        assert about["mask"].startswith("hard at 0.4, prior mean 0.1")


def test_without_a_crispri_table_it_says_how_to_add_one(app):
    assert "no CRISPRi table" in infos(open_tab(app, "CRISPRi check"))


@pytest.fixture(scope="module")
def tested(demo, tmp_path_factory, window):
    """The demo with a made-up CRISPRi table: three elements tested for the default gene."""
    folder = tmp_path_factory.mktemp("tested")
    tss, chrom = window.gene.tss, window.interval.chrom
    rows = [
        (tss + at, tss + at + 500, effect)
        for at, effect in ((-9_000, -0.4), (4_000, -0.1), (20_000, 0.05))
    ]
    rows.append((tss + 500_000, tss + 500_500, 0.0))
    frame = pd.DataFrame(rows, columns=["chromStart", "chromEnd", "EffectSize"]).assign(
        chrom=chrom,
        measuredGeneSymbol=window.gene.name,
        measuredGeneEnsemblId=window.gene.id,
        pValueAdjusted=0.01,
        Significant=[True, False, False, False],
        Regulated=[True, False, False, False],
        Dataset="made up",
        CellType=window.cell,
    )
    frame.to_csv(folder / "crispr.tsv", sep="\t", index=False)
    content = yaml.safe_load(demo.read_text())
    content["root"] = str(demo.parent)
    content["cells"][window.cell]["crispr"] = str(folder / "crispr.tsv")
    path = folder / "dataset.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def test_crispri_is_compared_with_mask_and_deletion(
    open_app, shelf, tested, window, predictor, mask, reference
):
    app = open_app("--dataset", str(tested), mode=RULE.mode, threshold=str(RULE.threshold)).settle()
    app.at.switch_page(PAGE)
    press(open_tab(app.settle(), "CRISPRi check"), "run-crispri")
    found = table(app, "crispri")
    assert found["effect"].tolist() == [-0.4, -0.1, 0.05]
    for row, at in zip(found.itertuples(index=False), (-9_000, 4_000, 20_000), strict=True):
        first = window.tss_index + at
        closed = mask.copy()
        closed[first : first + 500] = 0
        assert row.mean_mask == pytest.approx(mask[first : first + 500].mean())
        assert row.delta == pytest.approx(predictor.express(window, closed) - reference, abs=1e-6)
    agreement = table(app, "agreement")
    assert agreement["n"].tolist() == [3, 3] and agreement["n_regulated"].tolist() == [1, 1]
    assert "1 of 4 tested elements lie outside the window" in app.captions()


def test_elements_that_are_not_read_are_not_offered(open_app, shelf, tested, tmp_path, window):
    frame = pd.read_csv(tested.parent / "crispr.tsv", sep="\t")
    frame.iloc[3:].to_csv(tmp_path / "crispr.tsv", sep="\t", index=False)
    content = yaml.safe_load(tested.read_text())
    content["cells"][window.cell]["crispr"] = str(tmp_path / "crispr.tsv")
    path = tmp_path / "dataset.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    app = open_app("--dataset", str(path), mode=RULE.mode, threshold=str(RULE.threshold))
    app.at.switch_page(PAGE)
    said = infos(open_tab(app.settle(), "CRISPRi check"))
    assert f"The element tested for {window.gene.name} lies farther than 100 kb" in said
    assert "run-crispri" not in [button.key for button in app.at.button]
