"""Metrics from sums over genes against the same metrics of data that are really drawn again."""

import numpy as np
import pytest
from scipy import stats

from seq2exp.analysis.evaluate.metrics import (
    BaseCounts,
    Estimate,
    Wins,
    bin_edges,
    estimate,
    gene_weights,
    share,
    threshold,
    trapezoid_auprc,
    weighted_pearson,
)

GENES = 7


def average_precision(score, true):
    """Threshold by threshold."""
    area = before = 0.0
    for cut in sorted(set(score), reverse=True):
        kept = score >= cut
        recall = true[kept].sum() / true.sum()
        area += (recall - before) * true[kept].mean()
        before = recall
    return area


def trapezoids(score, true):
    area, last = 0.0, None
    for cut in sorted(set(score), reverse=True):
        kept = score >= cut
        point = true[kept].sum() / true.sum(), true[kept].mean()
        recall, precision = last or (0.0, point[1])
        area += (point[0] - recall) * (point[1] + precision) / 2
        last = point
    return area


def data(seed, count=400, levels=40):
    rng = np.random.default_rng(seed)
    true = rng.random(count) < 0.15
    score = (rng.integers(0, levels, count) + true * rng.integers(0, levels, count)) / 8
    return score.astype(np.float32), true, rng.integers(0, GENES, count)


def drawn(gene, weights):
    """Indices of a sample in which each gene stands as often as its weight says."""
    return np.concatenate(
        [np.repeat(np.flatnonzero(gene == g), int(w)) for g, w in enumerate(weights)]
    )


def counted(score, true, gene):
    bases = BaseCounts.empty(bin_edges(score), GENES)
    for g in range(GENES):
        bases.add(g, score[gene == g], true[gene == g])
    return bases


@pytest.fixture(scope="module")
def weights():
    return gene_weights(GENES, 5, seed=3)


def test_weights_are_the_data_and_then_resamples():
    weights = gene_weights(GENES, 2_000, seed=1)
    assert (weights[0] == 1).all()
    assert (weights.sum(1) == GENES).all()
    np.testing.assert_array_equal(weights, gene_weights(GENES, 2_000, seed=1))
    # Drawing with putting back leaves each gene out in (1 - 1/G)^G of the samples.
    assert (weights[1:] == 0).mean() == pytest.approx((1 - 1 / GENES) ** GENES, abs=0.01)


def test_the_interval_is_that_of_resampled_means():
    rng = np.random.default_rng(0)
    values = rng.normal(5, 2, 200)
    found = estimate(share(values, np.ones(200), gene_weights(200, 4_000, seed=2)))
    assert found.value == pytest.approx(values.mean())
    error = values.std() / np.sqrt(200)
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.03)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.03)


def test_what_is_not_defined_has_no_number():
    assert estimate(np.array([np.nan, 1.0, 2.0])) == Estimate(None, None, None)
    assert estimate(np.array([1.0, np.nan])) == Estimate(1.0, None, None)
    nothing = BaseCounts.empty(np.zeros(1, np.float32), 2)
    assert np.isnan(nothing.average_precision(np.ones((1, 2)))).all()


@pytest.mark.parametrize("levels", [1, 3, 40, 10_000])
def test_area_of_resampled_genes(levels, weights):
    score, true, gene = data(levels, levels=levels)
    found = counted(score, true, gene).average_precision(weights)
    for row, area in zip(weights, found, strict=True):
        rows = drawn(gene, row)
        assert area == pytest.approx(average_precision(score[rows], true[rows]), rel=1e-9)


def test_area_of_many_bases_is_exact_to_a_thousandth():
    rng = np.random.default_rng(4)
    true = rng.random(400_000) < 0.02
    score = np.exp(rng.normal(true * 1.5, 1)).astype(np.float32)
    bases = BaseCounts.empty(bin_edges(score[::16]), 1)
    bases.add(0, score, true)
    order = np.argsort(-score)
    hits = true[order]
    exact = (hits * hits.cumsum() / np.arange(1, len(hits) + 1)).sum() / hits.sum()
    assert bases.average_precision(np.ones((1, 1)))[0] == pytest.approx(exact, abs=1e-3)
    kept = round(0.05 * len(hits))
    f1 = 2 * hits[:kept].sum() / (kept + hits.sum())
    assert bases.f1(0.05, np.ones((1, 1)))[0] == pytest.approx(f1, abs=1e-3)


@pytest.mark.parametrize("ratio", [0.01, 0.12, 0.5, 1.0])
def test_f1_at_a_ratio_where_no_scores_are_equal(ratio, weights):
    _, true, gene = data(9)
    score = np.random.default_rng(9).permutation(len(true)).astype(np.float32)
    found = counted(score, true, gene).f1(ratio, weights[:1])
    kept = round(ratio * len(true))
    hits = true[np.argsort(-score)[:kept]].sum()
    assert found[0] == pytest.approx(2 * hits / (kept + true.sum()))


def test_f1_of_equal_scores_is_that_of_the_expected_hits():
    score = np.array([2, 1, 1, 1, 1, 0, 0, 0, 0, 0], np.float32)
    true = np.array([1, 1, 1, 0, 0, 1, 0, 0, 0, 0], bool)
    bases = BaseCounts.empty(bin_edges(score), 1)
    bases.add(0, score, true)
    # Three bases are kept: the first, and two of the four, of which two are true.
    assert bases.f1(0.3, np.ones((1, 1)))[0] == pytest.approx(2 * (1 + 2 * 0.5) / (3 + 4))


def test_f1_of_resampled_genes(weights):
    score, true, gene = data(5)
    found = counted(score, true, gene).f1(0.1, weights)
    for row, value in zip(weights, found, strict=True):
        rows = drawn(gene, row)
        s, t = score[rows], true[rows]
        kept = 0.1 * len(s)
        cut = np.sort(s)[::-1][int(np.ceil(kept)) - 1]
        level = s == cut
        share_kept = (kept - (s > cut).sum()) / level.sum()
        hits = t[s > cut].sum() + share_kept * t[level].sum()
        assert value == pytest.approx(2 * hits / (kept + t.sum()))


def test_the_threshold_keeps_the_share_asked_for():
    score = np.random.default_rng(0).normal(size=1_000).astype(np.float32)
    assert (score >= threshold(score, 0.13)).mean() == pytest.approx(0.13)
    binary = np.array([1] * 10 + [0] * 90, np.float32)
    assert (binary >= threshold(binary, 0.12)).sum() == 10
    assert (binary >= threshold(binary, 0.07)).sum() == 10
    assert (binary >= threshold(binary, 0.04)).sum() == 0


def test_element_auc_is_the_mann_whitney_statistic(weights):
    rng = np.random.default_rng(6)
    causal, decoy = rng.integers(0, 9, 40) + 2.0, rng.integers(0, 9, 70) * 1.0
    of_causal, of_decoy = rng.integers(0, GENES, 40), rng.integers(0, GENES, 70)
    found = Wins.of(causal, of_causal, decoy, of_decoy, GENES).auc(weights)
    for row, auc in zip(weights, found, strict=True):
        a, b = causal[drawn(of_causal, row)], decoy[drawn(of_decoy, row)]
        expected = stats.mannwhitneyu(a, b).statistic / (len(a) * len(b))
        assert auc == pytest.approx(expected)


def test_trapezoids_of_resampled_genes(weights):
    score, true, gene = data(8, count=120)
    found = trapezoid_auprc(score, true, gene, weights)
    for row, area in zip(weights, found, strict=True):
        rows = drawn(gene, row)
        assert area == pytest.approx(trapezoids(score[rows], true[rows]))


def test_trapezoids_where_the_best_scores_are_not_drawn():
    weights = np.array([[0.0, 1.0]])
    gene = np.array([0, 0, 1, 1, 1])
    score, true = np.array([9, 8, 3, 2, 1.0]), np.array([1, 0, 1, 0, 1], bool)
    found = trapezoid_auprc(score, true, gene, weights)
    assert found[0] == pytest.approx(trapezoids(score[2:], true[2:]))


def test_correlation_of_resampled_genes(weights):
    rng = np.random.default_rng(2)
    x, gene = rng.normal(2, 1, 90), rng.integers(0, GENES, 90)
    y = 0.5 * x + rng.normal(0, 1, 90)
    found = weighted_pearson(x, y, gene, weights)
    for row, r in zip(weights, found, strict=True):
        rows = drawn(gene, row)
        assert r == pytest.approx(stats.pearsonr(x[rows], y[rows]).statistic)
