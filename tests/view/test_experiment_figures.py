"""Figures of experiments: what they draw is what the tables say."""

import json

import numpy as np
import pandas as pd
import pytest

from seq2exp.analysis.saturation import Saturation
from seq2exp.genome.locus import Interval
from seq2exp.view import experiment_figures as figures
from seq2exp.view.saturation_figure import saturation_figure

TSS = 50_000
WINDOW = Interval("chr1", 0, 100_000)


def drawn(figure) -> dict:
    """The figure as the page's JavaScript gets it."""
    return json.loads(figure.to_json())


@pytest.fixture
def deletions() -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "name": ["a", "b", "c"],
            "of": ["element", "peak", "element"],
            "chrom": "chr1",
            "start": [10_000, 49_500, 80_000],
            "end": [10_400, 50_500, 80_100],
            "role": ["distal", "promoter", "distal"],
            "delta": [-0.1, -0.5, 0.2],
            "share": [0.2, 0.7, np.nan],
        }
    )
    return frame.assign(rank=[3, 1, 2])


def to_tss(frame, sign=1):
    return sign * ((frame["start"] + frame["end"]) // 2 - TSS)


def test_bars_are_named_by_the_way_along_the_gene(deletions):
    figure = figures.ranked(deletions, to_tss(deletions, -1))
    assert list(figure.layout.yaxis.ticktext) == ["b, promoter", "c, -30.1 kb", "a, +39.8 kb"]


def test_the_ranking_has_the_largest_change_on_top(deletions):
    figure = figures.ranked(deletions, to_tss(deletions))
    assert list(figure.layout.yaxis.ticktext) == ["b, promoter", "c, +30.1 kb", "a, -39.8 kb"]
    bars = {trace.name: (list(trace.y), list(trace.x)) for trace in figure.data}
    assert bars == {"element": ([1, 2], [0.2, -0.1]), "peak": ([0], [-0.5])}
    top, bottom = figure.layout.yaxis.range[1], figure.layout.yaxis.range[0]
    assert top < bottom  # the first row stands on top
    said = [text for trace in figure.data for row in trace.customdata for text in row]
    assert "chr1:49,501-50,500" in said and "70.0% of the predicted CAGE lost" in said
    assert "nothing is predicted to lose" in said


def test_bars_of_a_rare_kind_are_as_high_as_the_others(deletions):
    many = pd.concat([deletions.iloc[:1]] * 30, ignore_index=True)
    many["of"] = ["selection" if i in (2, 20) else "element" for i in range(30)]
    figure = figures.ranked(many.assign(rank=range(1, 31)), to_tss(many))
    assert {(trace.name, trace.width) for trace in figure.data} == {
        ("element", figures.BAR_ROWS),
        ("selection", figures.BAR_ROWS),
    }
    assert figures.BAR_ROWS < 1


def test_only_the_largest_of_many_are_ranked(deletions):
    many = pd.concat([deletions.iloc[:1]] * 100, ignore_index=True)
    many = many.assign(rank=range(100, 0, -1), delta=np.linspace(0, 1, 100))
    figure = figures.ranked(many, to_tss(many))
    assert len(figure.data[0].x) == figures.MOST_BARS
    assert max(figure.data[0].x) == 1.0 and min(figure.data[0].x) > 0.5


def test_bars_along_the_genome_stand_on_their_intervals(deletions):
    figure = drawn(figures.along(deletions, WINDOW, TSS))
    boxes = [trace for trace in figure["data"] if trace.get("fill") == "toself"]
    (peak,) = [trace for trace in boxes if trace["name"] == "peak"]
    assert peak["x"] == [49_500.5, 49_500.5, 50_500.5, 50_500.5, 49_500.5, None]
    assert peak["y"] == [0, -0.5, -0.5, 0, 0, None]
    (lines,) = [s for s in figure["layout"]["shapes"] if s.get("x0") == TSS + 1]
    assert lines["x1"] == TSS + 1


def test_the_curve_has_both_lines_and_the_measured_value():
    curve = pd.DataFrame(
        {"length": [2_000, 200_000], "cut": [1.0, 2.0], "closed": [1.5, 2.0], "kept": [0.4, 1.0]}
    )
    figure = figures.distal(curve, measured=1.7)
    assert [list(trace.x) for trace in figure.data[:2]] == [[2.0, 200.0]] * 2
    assert [list(trace.y) for trace in figure.data[:2]] == [[1.0, 2.0], [1.5, 2.0]]
    assert list(figure.layout.xaxis.ticktext) == ["2", "200"]
    assert any(shape.y0 == 1.7 for shape in figure.layout.shapes)
    assert not figures.distal(curve).layout.shapes


def test_the_band_of_seeds_has_steps_at_the_edges_of_bins():
    bins = pd.DataFrame(
        {"start": [0, 500], "end": [500, 900], "low": [0, 0.1], "mean": [0.2, 0.3], "high": [1, 1]}
    )
    low, high, mean = figures.seed_band(bins, WINDOW, TSS).data
    assert list(mean.x) == [0.5, 500.5, 500.5, 900.5]
    assert list(low.y) == [0, 0, 0.1, 0.1] and list(mean.y) == [0.2, 0.2, 0.3, 0.3]
    assert high.fill == "tonexty" and list(high.y) == [1, 1, 1, 1]


def test_variants_without_numbers_have_no_bar():
    frame = pd.DataFrame(
        {
            "name": ["v1", "v2", "v3"],
            "variant": ["chr1:5 A>G", "chr1:6 C>T", "chr1:9 G>C"],
            "delta": [0.01, np.nan, -0.2],
            "share": [0.1, np.nan, 0.2],
        }
    )
    figure = figures.variant_bars(frame)
    assert list(figure.layout.yaxis.ticktext) == ["v3", "v1"]
    assert list(figure.data[0].x) == [-0.2, 0.01]
    assert figure.data[0].marker.color[0] != figure.data[0].marker.color[1]


def test_the_change_of_a_mask_stands_at_its_bases():
    figure = figures.mask_change(Interval("chr1", 10, 13), [0, 0.5, -1], Interval("chr1", 11, 12))
    assert list(figure.data[0].x) == [11, 12, 13] and list(figure.data[0].y) == [0, 0.5, -1]
    (mark,) = figure.layout.shapes
    assert (mark.x0, mark.x1) == (11.5, 12.5)


def test_tested_elements_are_told_apart_by_what_they_do():
    frame = pd.DataFrame(
        {
            "chrom": "chr1",
            "start": [1, 2, 3],
            "end": [4, 5, 6],
            "effect": [-0.4, 0.1, np.nan],
            "p_adjusted": [0.01, 0.5, np.nan],
            "regulated": [True, False, False],
            "dataset": "x",
            "mean_mask": [0.9, 0.1, 0.2],
            "lost": [0.3, 0.0, 0.1],
        }
    )
    figure = figures.crispri(frame, [("mean_mask", "Mean mask"), ("lost", "Lost")])
    points = [(trace.name, list(trace.x), list(trace.y)) for trace in figure.data]
    assert points == [
        ("regulated", [0.9], [-40.0]),
        ("not regulated", [0.1], [10.0]),
        ("regulated", [0.3], [-40.0]),
        ("not regulated", [0.0], [10.0]),
    ]
    colors = {trace.name: trace.marker.color for trace in figure.data}
    assert len(set(colors.values())) == 2
    assert [trace.showlegend for trace in figure.data] == [True, True, False, False]


def made(effects, codes) -> Saturation:
    span = Interval("chr1", 100, 100 + len(codes))
    effects = np.asarray(effects, np.float64)
    return Saturation(span, np.array(codes, np.uint8), effects, 1.0, "held", True, 1.0, ())


def test_letters_stand_up_or_hang_by_what_a_base_adds():
    effects = [[0, -3e-6, -3e-6, -3e-6], [2e-6, 0, 2e-6, 2e-6], [np.nan] * 4, [0, 0, 0, 0]]
    figure = saturation_figure(made(effects, [0, 1, 2, 4]))
    hover, heat = figure.data
    assert list(hover.x) == [101, 102, 104] and list(hover.text) == ["A", "C", "N"]
    assert list(hover.y) == pytest.approx([3e-6, -2e-6, 0])
    paths = [shape for shape in figure.layout.shapes if shape.type == "path"]
    assert len(paths) == 2  # what is not known, and an N, have no letter
    ends = []
    for path in paths:
        points = path.path.replace("M", " ").replace("L", " ").replace("Q", " ")
        pairs = [p.split(",") for p in points.replace("Z", " ").split()]
        x, y = ([float(pair[i]) for pair in pairs] for i in (0, 1))
        ends.append((round(min(x) - 0.05, 2), round(max(x) + 0.05, 2), min(y), max(y)))
    assert ends[0][:2] == (100.5, 101.5) and ends[0][2:] == pytest.approx((0, 3e-6), rel=1e-2)
    assert ends[1][:2] == (101.5, 102.5) and ends[1][2:] == pytest.approx((-2e-6, 0), rel=1e-2)
    assert list(heat.y) == ["A", "C", "G", "T"] and heat.zmax == -heat.zmin == 3e-6


def test_bars_stand_behind_the_letters_of_a_long_span():
    effects = np.full((200, 4), -1e-4)
    effects[:, 0] = 0
    _, bars, _ = saturation_figure(made(effects, [0] * 200)).data
    assert list(bars.x) == list(range(101, 301)) and list(bars.y) == pytest.approx([1e-4] * 200)


def test_a_span_without_any_effect_is_still_a_figure():
    drawn(saturation_figure(made(np.zeros((2, 4)), [0, 3])))
    drawn(saturation_figure(made(np.full((2, 4), np.nan), [0, 3])))
