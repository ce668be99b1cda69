"""Agreement with CRISPRi at one gene, by hand on a made-up table and on the real one."""

import csv
import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from experiments import at, expression, make_predictor, make_window
from scipy import stats

from seq2exp.analysis.crispri_check import agreement, crispri_check, pairs_of, within
from seq2exp.datasets.catalog import Dataset
from seq2exp.inference.jobs import Stopped
from seq2exp.inference.perturb import Experiment
from seq2exp.inference.perturb.memory import Kept

EXAMPLE = Path(__file__).parents[2] / "data" / "datasets" / "k562_chr22.yaml"


@pytest.fixture(autouse=True)
def _nothing_kept():
    Kept.forget()


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    return make_predictor(tmp_path_factory.mktemp("models"), "coupled")


def table(window, spans, **changes):
    start = window.interval.start
    rows = len(spans)
    frame = pd.DataFrame(
        {
            "chrom": ["1"] * rows,  # as the table calls it; the genome says chr1
            "start": [start + a for a, _ in spans],
            "end": [start + b for _, b in spans],
            "gene_symbol": ["GENE1"] * rows,
            "gene_id": ["ENSG00000000001.7"] * rows,
            "effect": np.linspace(-0.5, 0.1, rows),
            "p_adjusted": [0.01] * rows,
            "significant": [True] * rows,
            "regulated": [i < rows // 2 for i in range(rows)],
            "dataset": ["made up"] * rows,
            "cell": ["K562"] * rows,
        }
    )
    return frame.assign(**changes)


SPANS = [(150, 220), (300, 420), (700, 720), (800, 890), (900, 1000), (-50, 20)]


def test_tested_elements_stand_beside_mask_and_deletion(predictor):
    window = make_window()
    other = table(window, SPANS, gene_symbol="GENE2", gene_id="ENSG2")
    off = table(window, [(5000, 5100), (-400, 0)])
    crispr = pd.concat([other, table(window, SPANS), off], ignore_index=True)
    found = crispri_check(Experiment(predictor, window), crispr)
    assert (found.tested, len(found.frame), found.complete) == (8, 6, True)
    assert any("2 of 8 tested elements lie outside" in note for note in found.notes)
    mask = predictor.default_rule.mask(predictor.posterior(window))
    whole = expression(predictor, window, mask)
    lost, means = [], []
    for a, b in SPANS:
        closed = mask.copy()
        closed[max(a, 0) : b] = 0
        lost.append(whole - expression(predictor, window, closed))
        means.append(mask[max(a, 0) : b].mean())
    np.testing.assert_allclose(found.frame["lost"], lost, atol=1e-7)
    np.testing.assert_allclose(found.frame["delta"], [-value for value in lost], atol=1e-7)
    np.testing.assert_allclose(found.frame["mean_mask"], means, atol=1e-6)
    effects = np.linspace(-0.5, 0.1, 6)
    for name, score in (("lost", lost), ("mean_mask", means)):
        said = found.agreement[name]
        assert (said["n"], said["n_effect"], said["n_regulated"]) == (6, 6, 3)
        ranks = stats.pearsonr(stats.rankdata(score), stats.rankdata(-effects)).statistic
        assert said["spearman"] == pytest.approx(ranks)
        assert said["auprc"] == pytest.approx(area(score, [True] * 3 + [False] * 3))


def area(score, true):
    """Area under precision against recall, a line from threshold to threshold, level at first."""
    order = np.argsort(-np.asarray(score), kind="stable")
    hits = np.cumsum(np.asarray(true)[order])
    precision, recall = hits / np.arange(1, len(hits) + 1), hits / hits[-1]
    total, last = 0.0, (0.0, precision[0])
    for r, p in zip(recall, precision, strict=True):
        if r > last[0]:
            total += (r - last[0]) * (p + last[1]) / 2
        last = (r, p)
    return total


def test_genes_are_found_by_id_or_symbol():
    window = make_window()
    crispr = pd.concat(
        [
            table(window, SPANS[:1], gene_id="ENSG1", gene_symbol="OLD"),
            table(window, SPANS[1:2], gene_id="ENSG9"),
            table(window, SPANS[2:3], gene_id="ENSG9", gene_symbol="GENE9"),
            table(window, SPANS[3:4], gene_id="ENSG9", gene_symbol="Gene1"),
        ]
    )
    assert pairs_of(crispr, window.gene)["start"].tolist() == [
        at(window, *SPANS[i]).start for i in (0, 1, 3)
    ]


def test_what_has_no_rank_or_one_class_says_so():
    effect, regulated = [-0.3, 0.1, 0.2, np.nan], [True, False, False, False]
    frame = pd.DataFrame({"effect": effect, "regulated": regulated})
    found = agreement(frame, np.array([3.0, 2.0, 1.0, 9.0]))
    assert (found["n"], found["n_effect"], found["spearman"]) == (4, 3, pytest.approx(1))
    assert agreement(frame, np.ones(4))["spearman"] is None
    assert agreement(frame.iloc[[0, 1]], np.array([1.0, 2.0]))["spearman"] is None
    assert agreement(frame.iloc[[1, 2]], np.array([1.0, 2.0]))["auprc"] is None
    assert agreement(frame.iloc[:0], np.zeros(0)) == {
        **{"n": 0, "n_effect": 0, "n_regulated": 0, "spearman": None, "auprc": None}
    }


def test_stopping_leaves_the_elements_that_were_done(predictor):
    window = make_window()

    def stop(fraction, text):
        if "3 of 6" in text:
            raise Stopped

    found = crispri_check(Experiment(predictor, window), table(window, SPANS), stop)
    assert not found.complete and len(found.frame) == 2 and found.tested == 6
    assert found.agreement["lost"]["n"] == 2


def test_real_pair_of_a_gene_whose_element_lies_beyond_its_window(real_data, predictor):
    dataset = Dataset.load(EXAMPLE, real_data / "k562_chr22")
    window, crispr = dataset.window("SYNGR1", "K562"), dataset.cell("K562").crispr
    pairs = pairs_of(crispr, window.gene)
    assert len(pairs) == 1 and pairs["start"][0] == 39_452_407  # 103 kb downstream
    assert within(pairs, window).empty
    found = crispri_check(Experiment(predictor, window), crispr)
    assert found.tested == 1 and found.frame.empty and found.complete
    assert any("1 of 1 tested elements lie outside" in note for note in found.notes)
    assert found.agreement["lost"]["n"] == 0


@pytest.mark.parametrize("gene", ["NPTXR", "MGAT3"])
def test_real_pairs(real_data, predictor, gene):
    folder = real_data / "k562_chr22"
    dataset = Dataset.load(EXAMPLE, folder)
    with gzip.open(folder / "EPCrisprBenchmark_K562_GRCh38.tsv.gz", "rt") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    expected = [row for row in rows if row["measuredGeneSymbol"] == gene]
    assert len(expected) == 1 and expected[0]["Regulated"] == "True"
    window = dataset.window(gene, "K562")
    found = crispri_check(Experiment(predictor, window), dataset.cell("K562").crispr)
    row = found.frame.iloc[0]
    assert (row["start"], row["end"]) == (
        int(expected[0]["chromStart"]),
        int(expected[0]["chromEnd"]),
    )
    assert row["effect"] == pytest.approx(float(expected[0]["EffectSize"]))
    said = found.agreement["lost"]
    assert (said["n"], said["n_regulated"]) == (1, 1)
    assert said["spearman"] is None and said["auprc"] is None  # one element ranks nothing
