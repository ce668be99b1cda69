"""Scores against planted truth: each row of the table against a count by hand."""

import numpy as np
import pytest
from scipy import stats

from seq2exp.analysis.evaluate.calls import DISTANCES
from seq2exp.analysis.evaluate.metrics import gene_weights
from seq2exp.analysis.evaluate.planted import OPEN_DECOYS, Elements, Planted, decoys
from seq2exp.analysis.evaluate.scores import Score, smoothed
from seq2exp.analysis.evaluate.truth import (
    WIDTH_WINDOWS,
    WIDTHS,
    Judge,
    best_width,
    called_share,
    score_rows,
    width_windows,
)
from seq2exp.datasets.catalog import Dataset
from seq2exp.datasets.simulate.chromosome import make_chromosome
from seq2exp.datasets.simulate.demo import DEFAULT_SEED
from seq2exp.datasets.simulate.plan import CELLS, TINY
from seq2exp.datasets.truth import ROLES
from seq2exp.training.evaluation import average_precision
from seq2exp.training.examples import examples

LENGTH = 30_000
ROLE_NAMES = np.array(["causal", "ctcf", "silenced_enhancer", "broken_motif"], object)


class Field:
    """Planted elements in four windows of three genes, made up; the promoter is 2 kb wide."""

    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        self.genes, self.gene = ["A", "B", "C"], np.array([0, 1, 1, 2])
        self.examples = range(4)
        self.counted = np.ones(LENGTH, bool)
        self.counted[14_000:16_000] = False
        self.spans = []
        for _ in range(4):
            starts = np.sort(rng.choice(np.arange(100, 13_000, 700), 9, replace=False))
            starts = np.concatenate([starts, starts + 16_000])
            spans = np.stack([starts, starts + rng.integers(200, 500, 18)], 1)
            self.spans.append(Elements(spans, rng.choice(ROLE_NAMES, 18)))
        self.scores = rng.gamma(1, 1, (4, LENGTH)).astype(np.float32)
        for i, (spans, roles) in enumerate(self.spans):
            for (start, end), role in zip(spans, roles, strict=True):
                self.scores[i, start:end] += {"causal": 1.5, "ctcf": 1.0}.get(role, 0.0)

    def elements(self, i):
        return self.spans[i]

    def bases(self, i):
        causal = np.zeros(LENGTH, bool)
        for (start, end), role in zip(*self.spans[i], strict=True):
            causal[start:end] |= role == "causal"
        return causal, self.counted

    def score(self, name="score"):
        return Score(name, lambda i: self.scores[i])


@pytest.fixture(scope="module")
def field():
    return Field()


def rows_of(field, score, width=0, ratios=(0.05,)):
    rows = score_rows(
        score,
        field,
        split="test",
        widths=[width],
        ratios=ratios,
        weights=gene_weights(3, 20, 0),
        progress=lambda done: None,
    )
    return {
        row["metric"] if row["metric"] != "f1_at_ratio" else ("f1", row["ratio"]): row
        for row in rows
    }


@pytest.mark.parametrize("width", [0, 41])
def test_a_scores_rows_by_hand(field, width):
    rows = rows_of(field, field.score(), width)
    values = [smoothed(s, width) for s in field.scores]
    pooled = np.concatenate([v[field.counted] for v in values])
    causal = np.concatenate([field.bases(i)[0][field.counted] for i in range(4)])
    assert rows["auprc"]["value"] == pytest.approx(average_precision(pooled, causal), abs=1e-3)
    kept = np.argsort(-pooled)[: int(0.05 * len(pooled))]
    f1 = 2 * causal[kept].sum() / (len(kept) + causal.sum())
    assert rows["f1", 0.05]["value"] == pytest.approx(f1, abs=2e-3)
    assert rows["auprc"]["smoothing_bp"] == width and rows["auprc"]["n_genes"] == 3
    assert rows["auprc"]["low"] <= rows["auprc"]["value"] <= rows["auprc"]["high"]

    means, roles = [], []
    for value, (spans, names) in zip(values, field.spans, strict=True):
        means += [value[start:end].mean() for start, end in spans]
        roles += list(names)
    means, roles = np.array(means), np.array(roles)
    for kind, names in {
        OPEN_DECOYS: ("ctcf", "broken_motif"),
        "ctcf": ("ctcf",),
        "silenced_enhancer": ("silenced_enhancer",),
    }.items():
        a, b = means[roles == "causal"], means[np.isin(roles, names)]
        expected = stats.mannwhitneyu(a, b).statistic / (len(a) * len(b))
        assert rows[f"element_auc:{kind}"]["value"] == pytest.approx(expected)
    assert "element_auc:neighbour_promoter" not in rows


def test_calls_keep_their_own_share_and_are_compared_at_others(field):
    called = np.zeros((4, LENGTH), np.float32)
    for i, (spans, _) in enumerate(field.spans):
        for start, end in spans[::2]:
            called[i, start - 20 : end + 30] = 1
        called[i, 25_990:26_030] = 1  # 40 bp on their own are no call
    peaks = Score("peaks", lambda i: called[i], calls=True)
    own = called[:, field.counted].mean(dtype=float)
    assert called_share(peaks, field) == pytest.approx(own)
    rows = rows_of(field, peaks)
    pooled = called[:, field.counted].ravel() > 0
    causal = np.concatenate([field.bases(i)[0][field.counted] for i in range(4)])
    f1 = 2 * (pooled & causal).sum() / (pooled.sum() + causal.sum())
    assert rows["f1", own]["value"] == pytest.approx(f1)
    # Which of the equal bases are kept at another ratio is left to chance.
    expected = 0.05 * len(pooled) * causal[pooled].mean()
    f1 = 2 * expected / (0.05 * len(pooled) + causal.sum())
    assert rows["f1", 0.05]["value"] == pytest.approx(f1)

    hits = {name: [0, 0, 0, 0] for name in DISTANCES}
    for spans, roles in field.spans:
        calls = [(s - 20, e + 30) for s, e in spans[::2]]
        truth = [tuple(s) for s, r in zip(spans, roles, strict=True) if r == "causal"]
        for which, (these, those) in enumerate([(calls, truth), (truth, calls)]):
            for start, end in these:
                if any(start < e and s < end for s, e in those):
                    hit = 1
                else:
                    hit = 0
                away = abs((start + end) // 2 - LENGTH // 2)
                name = next(n for n, (low, high) in DISTANCES.items() if low <= away < high)
                hits[name][2 * which] += hit
                hits[name][2 * which + 1] += 1
    for name, (good, calls, found, causal) in hits.items():
        for metric, part, whole in (("precision", good, calls), ("recall", found, causal)):
            value = rows[f"{metric}@{name}"]["value"]
            assert value == (pytest.approx(part / whole) if whole else None)
    assert rows["recall@0-10kb"]["ratio"] == pytest.approx(own)


def test_what_was_called_in_the_promoter_counts_nowhere(field):
    inside = np.zeros(LENGTH, np.float32)
    inside[14_000:16_000] = 1
    rows = rows_of(field, Score("promoter", lambda i: inside, calls=True))
    assert rows["precision@0-10kb"]["value"] is None
    assert rows["recall@0-10kb"]["value"] == 0
    assert rows["f1", 0.0]["value"] == 0


def test_the_width_is_the_best_on_validation(field):
    exact = {
        width: average_precision(
            np.concatenate([smoothed(s, width)[field.counted] for s in field.scores]),
            np.concatenate([field.bases(i)[0][field.counted] for i in range(4)]),
        )
        for width in WIDTHS
    }
    chosen = best_width(field.score(), field, lambda done: None)
    assert exact[chosen] > max(exact.values()) - 0.01


def test_widths_are_chosen_on_windows_from_all_over_the_split():
    assert width_windows(4) == [0, 1, 2, 3]
    many = width_windows(1_000)
    assert many[0] == 0 and many[-1] == 999 and len(set(many)) == WIDTH_WINDOWS
    steps = np.diff(many)
    assert steps.max() - steps.min() <= 1


def test_resamples_are_kept_with_their_intervals(field):
    row = rows_of(field, field.score())["auprc"]
    assert row["draws"].shape == (20,)
    assert np.quantile(row["draws"], [0.025, 0.975]) == pytest.approx([row["low"], row["high"]])


def test_a_judge_chooses_on_validation_and_reports_on_test(field):
    other = Field(seed=5)
    judge = Judge(field, other, "test", (0.05,), gene_weights(3, 5, 0))
    done = []
    rows = judge.rows(field.score(), other.score(), done.append)
    width = best_width(other.score(), other, lambda done: None)
    assert {row["smoothing_bp"] for row in rows} == {0, width}
    assert rows[0]["value"] == pytest.approx(rows_of(field, field.score())["auprc"]["value"])
    assert done == sorted(done) and done[-1] == pytest.approx(1)


def test_kinds_of_decoys():
    roles = np.array([*ROLES], object)
    kinds = decoys(roles)
    assert list(roles[kinds[OPEN_DECOYS]]) == [
        r for r in ROLES if r not in ("causal", "silenced_enhancer")
    ]
    assert "causal" not in kinds
    assert all(list(roles[kinds[r]]) == [r] for r in ROLES if r != "causal")


def test_open_decoys_are_open_in_the_cell_type(evaluation_demo):
    dataset = Dataset.load(evaluation_demo)
    planted = Planted(dataset, examples(dataset, "test", list(CELLS)))
    openness = {
        element.id: element.dnase for element in make_chromosome(DEFAULT_SEED, TINY).elements
    }
    seen = 0
    for i, example in enumerate(planted.examples.table):
        rows = planted._truth.of(example.gene, example.cell)
        is_open = decoys(rows["role"].to_numpy(object))[OPEN_DECOYS]
        for element, role, listed in zip(rows["element"], rows["role"], is_open, strict=True):
            expected = openness[element][CELLS.index(example.cell)] > 0 and role != "causal"
            assert listed == expected
            seen += 1
        spans, _ = planted.elements(i)
        _, counted = planted.bases(i)
        assert all(counted[start:end].any() for start, end in spans)
        assert len(spans) <= len(rows)
    assert seen > 100
