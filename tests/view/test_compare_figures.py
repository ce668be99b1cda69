"""Figures of comparisons draw the numbers they are given, by name, and say their units."""

import json

import numpy as np
import pandas as pd
import pytest

from seq2exp.analysis.compare.counts import Counts
from seq2exp.analysis.compare.genomic import CLASSES
from seq2exp.analysis.compare.rows import GROUPS, QUANTITIES, class_table, genomic_table
from seq2exp.analysis.compare.shuffles import Shuffled, enrichments
from seq2exp.analysis.compare.sweeps import Q_VALUE, THRESHOLD, curve
from seq2exp.analysis.compare.upset import combinations, pool_combinations
from seq2exp.view import compare_curves, compare_figures

COUNTS = Counts(
    min_overlap=1,
    bp_shared=400,
    bp_a_only=1_200,
    bp_b_only=400,
    a_shared=3,
    a_only=9,
    b_shared=4,
    b_only=0,
    min_fraction=0.0,
    genes=1,
    bp_counted=10_000,
)


def traces(figure, name):
    return [trace for trace in figure.data if trace.name == name]


def axis_titles(figure):
    layout = figure.to_plotly_json()["layout"]
    return {
        axis["title"]["text"]
        for key, axis in layout.items()
        if key.startswith(("xaxis", "yaxis")) and "title" in axis
    }


def rows_of(seed=1, groups=GROUPS):
    rng = np.random.default_rng(seed)
    parts = []
    for name, kind in groups:
        n = int(rng.integers(3, 30))
        values = {quantity: rng.gamma(2, 100, n) for quantity in QUANTITIES}
        values["tss_distance"] *= rng.choice([-1, 1], n)
        genomic = rng.choice(CLASSES, n)
        parts.append(pd.DataFrame({"set": name, "class": kind, **values, "genomic": genomic}))
    return pd.concat(parts, ignore_index=True)


def test_shares_of_elements_peaks_and_bases():
    figure = compare_figures.shared_bars(COUNTS)
    (shared,) = traces(figure, "shared")
    assert list(shared.x) == pytest.approx([25.0, 100.0, 20.0])  # the last is the Jaccard
    assert list(shared.customdata) == ["3", "4", "400 bp"]
    (learned,), (peaks,) = traces(figure, "learned-only"), traces(figure, "peak-only")
    assert list(learned.x) == pytest.approx([75.0, 0.0, 60.0])
    assert list(peaks.x) == pytest.approx([0.0, 0.0, 20.0])
    assert shared.y[0] == "learned elements<br>n = 12"
    # Every colour carries ink that can be read on it.
    assert {trace.textfont.color for trace in figure.data} == {"#000000"}


def test_nothing_at_all_is_drawn_as_nothing():
    none = Counts(1, 0, 0, 0, 0, 0, 0, 0, 0.0, 1, 10_000)
    figure = compare_figures.shared_bars(none)
    assert all(value == 0 for trace in figure.data for value in trace.x)


def test_boxes_are_the_quantiles_of_every_group():
    rows = rows_of()
    figure = compare_figures.class_boxes(class_table(rows))
    assert len(figure.data) == len(GROUPS) * len(QUANTITIES)
    own = rows[(rows["set"] == "peaks") & (rows["class"] == "peak-only")]
    boxes = traces(figure, "peak-only")
    for box, quantity in zip(boxes, QUANTITIES, strict=True):
        values = own[quantity].abs()
        assert values.min() > 1  # where the logarithmic axes begin
        found = (*box.lowerfence, *box.q1, *box.median, *box.q3, *box.upperfence)
        expected = values.quantile([0.05, 0.25, 0.5, 0.75, 0.95])
        assert found == pytest.approx(tuple(expected))
        assert box.y == (f"peak-only ({len(own)})",)
    kinds = [figure.layout[f"xaxis{i or ''}"].type for i in ("", 2, 3)]
    assert kinds == ["log", "log", "linear"]
    assert {"bp", "0-1", "Hi-C map's unit"} <= axis_titles(figure)


def test_an_empty_group_keeps_its_place():
    rows = rows_of(groups=GROUPS[:2])
    figure = compare_figures.class_boxes(class_table(rows))
    (box, *_) = traces(figure, "peak-only")
    assert box.y == ("peak-only (0)",) and box.median == (None,)
    json.loads(figure.to_json())
    bars = compare_figures.genomic_bars(genomic_table(rows))
    assert bars.data[0].x[3] == 0


def test_genomic_classes_add_up_to_all():
    rows = rows_of(3)
    figure = compare_figures.genomic_bars(genomic_table(rows))
    assert [trace.name for trace in figure.data] == list(CLASSES)
    totals = np.sum([trace.x for trace in figure.data], axis=0)
    assert totals == pytest.approx([100.0] * 4)
    first = rows[(rows["set"] == "learned") & (rows["class"] == "shared")]
    assert figure.data[0].customdata[0] == str((first["genomic"] == "promoter").sum())


def test_a_point_of_the_ratios_is_a_gene_and_its_row():
    genes = pd.DataFrame(
        {"gene": ["A", "B"], "mask_ratio": [0.1, 0.02], "peaks_ratio_window": [0.05, 0.04]}
    )
    figure = compare_figures.ratio_scatter(genes)
    (points,) = traces(figure, "genes")
    assert list(points.x) == pytest.approx([5.0, 4.0]) and list(points.y) == pytest.approx([10, 2])
    assert list(points.customdata) == [0, 1] and list(points.text) == ["A", "B"]
    assert all("% of the window's bp" in title for title in axis_titles(figure))


def swept(parameter, values):
    rng = np.random.default_rng(4)
    counts = []
    for _ in values:
        numbers = rng.integers(100, 1_000, 7).tolist()
        counts.append(Counts(1, *numbers, 0.0, 1, 10_000))
    return curve(parameter, values, [counts])


def test_a_sweep_is_drawn_with_the_value_in_use():
    values = [0.1, 0.3, 0.5, 0.7]
    frame = swept(THRESHOLD, values)
    figure = compare_curves.sweep_curves(frame, 0.3)
    (recall,) = traces(figure, "recall")
    assert list(recall.x) == values and list(recall.y) == pytest.approx(frame["recall"])
    (cover,) = traces(figure, "peaks")
    assert list(cover.y) == pytest.approx(100 * frame["peaks_ratio"])
    (used,) = traces(figure, "in use")
    assert list(used.x) == [frame["recall"][1]] and list(used.y) == [frame["precision"][1]]
    assert {shape.x0 for shape in figure.layout.shapes} == {0.3}
    assert "% of the counted bp" in axis_titles(figure)
    assert figure.layout.xaxis.type is None
    # Each panel's legend has room for its longest text, whatever font it was measured in.
    for legend in ("legend", "legend2", "legend3"):
        texts = [trace.name for trace in figure.data if trace.legend == legend]
        assert figure.layout[legend].entrywidth >= 7 * max(map(len, texts)) > 0


def test_q_values_grow_stricter_to_the_right():
    frame = swept(Q_VALUE, [0.05, 1e-3, 1e-10])
    figure = compare_curves.sweep_curves(frame, 1e-3)
    assert (figure.layout.xaxis.type, figure.layout.xaxis.autorange) == ("log", "reversed")


def test_an_upset_plot_counts_every_combination():
    sets = {
        "learned": np.array([[0, 100], [200, 300], [500, 510]]),
        "peaks": np.array([[50, 120], [400, 450]]),
        "CRISPRi": np.array([[90, 110]]),
    }
    table = pool_combinations([combinations(sets)])
    figure = compare_curves.upset(table, "regions")
    sizes = figure.data[0]
    found = dict(zip(sizes.customdata, sizes.y, strict=True))
    assert found == {"learned": 2, "peaks": 1, "learned & peaks & CRISPRi": 1}
    totals = figure.data[-1]
    assert dict(zip(totals.customdata, totals.x, strict=True)) == {
        "learned": 3,
        "peaks": 2,
        "CRISPRi": 1,
    }
    joined = [trace for trace in figure.select_traces({"mode": "markers+lines"})]
    assert [len(trace.x) for trace in joined] == [len(name.split(" & ")) for name in found]
    by_bp = compare_curves.upset(table, "bp", most=1)
    assert list(by_bp.data[0].customdata) == ["learned"] and list(by_bp.data[0].y) == [160]


def test_enrichment_is_the_ratio_to_the_shuffles():
    drawn = np.array([[10, 1], [20, 2], [30, 3]])
    found = enrichments("peaks", "CRISPRi", "window", Shuffled(np.array([60, 4]), drawn, 5, 0))
    never = Shuffled(np.array([3, 1]), np.zeros((3, 2), np.int64), 1, 0)
    figure = compare_curves.enrichment_dots(
        [*found, *enrichments("peaks", "cCRE", "window", never)]
    )
    (bases,), (intervals,) = traces(figure, "bp"), traces(figure, "intervals")
    assert list(bases.x) == [3.0] and list(intervals.x) == [2.0]
    assert list(figure.layout.yaxis.ticktext) == ["peaks in CRISPRi"]
