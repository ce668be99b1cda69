"""Figures of models: what they draw is what the tables say."""

import json

import numpy as np
import pandas as pd
import pytest
from example_results import LOG

from seq2exp.analysis.cards import read_log
from seq2exp.view import model_figures


@pytest.fixture
def points() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "gene_id": ["g1", "g2", "g3"],
            "gene": ["A", "B", "C"],
            "cell": ["x", "y", "x"],
            "measured": [0.0, 1.0, 3.0],
            "predicted": [0.5, 1.5, 2.0],
        }
    )


@pytest.fixture
def log(tmp_path) -> pd.DataFrame:
    path = tmp_path / "m.log.csv"
    path.write_text(LOG)
    return read_log(path)


def drawn(figure) -> dict:
    """The figure as the page's JavaScript gets it."""
    return json.loads(figure.to_json())


def test_each_cell_type_is_a_trace_whose_points_say_gene_and_cell(points):
    figure = model_figures.calibration(points, 1.2)
    traces = {trace.name: trace for trace in figure.data}
    assert list(traces) == ["predicted = measured", "training mean, 1.20", "x", "y"]
    assert traces["x"].customdata.tolist() == [["g1", "x"], ["g3", "x"]]
    assert list(traces["x"].x) == [0.0, 3.0] and list(traces["x"].y) == [0.5, 2.0]
    assert list(traces["training mean, 1.20"].y) == [1.2, 1.2]
    assert traces["x"].marker.symbol != traces["y"].marker.symbol


def test_both_axes_reach_over_all_points_and_the_training_mean(points):
    figure = model_figures.calibration(points, 4.0)
    low, high = figure.layout.xaxis.range
    assert low < 0 and high > 4 and tuple(figure.layout.yaxis.range) == (low, high)
    assert [trace.name for trace in model_figures.calibration(points).data][1:] == ["x", "y"]


def test_a_single_point_has_an_axis_around_it(points):
    low, high = model_figures.calibration(points.iloc[[1]].assign(predicted=1.0)).layout.xaxis.range
    assert low < 1.0 < high


def test_learning_curves_show_what_the_log_has(log):
    figure = model_figures.learning_curves(log, {"val_mse": 0.57})
    by_name = {trace.name: trace for trace in figure.data}
    assert list(by_name["validation MSE"].x) == [100, 200, 250]
    assert list(by_name["validation MSE"].y) == [0.55, 0.45, 0.41]
    assert list(by_name["total"].y) == [0.9, 0.7, 0.6, 0.5, 0.45, 0.42]
    assert list(by_name["sparsity term"].y) == [0.4, 0.3, 0.25, 0.2, 0.18, 0.17]
    assert list(by_name["from the prediction"].y) == [0.01, 0.02, 0.015]
    shapes = figure.layout.shapes
    assert sum(shape.y0 == shape.y1 == 0.57 for shape in shapes) == 1
    # One mark in each of the five panels, where the first phase ends.
    assert [shape.x0 for shape in shapes if shape.x0 == shape.x1] == [200.0] * 5


def test_the_two_gradients_share_an_axis_that_shows_orders_of_magnitude(log):
    figure = model_figures.learning_curves(log.assign(grad_prediction=2e-9))
    by_name = {trace.name: trace for trace in figure.data}
    prediction, sparsity = by_name["from the prediction"], by_name["from the sparsity term"]
    assert prediction.yaxis == sparsity.yaxis and prediction.line.dash != sparsity.line.dash
    axis = figure.layout[prediction.yaxis.replace("y", "yaxis")]
    low, high = axis.range
    assert axis.type == "log" and low < np.log10(2e-9) and high > np.log10(0.2)


def test_a_log_without_a_mask_has_no_panel_for_it(log):
    none = dict.fromkeys(("mask_ratio", "grad_prediction", "grad_sparsity"), np.nan)
    figure = model_figures.learning_curves(log.drop(columns="sparsity").assign(**none))
    titles = [note.text for note in figure.layout.annotations]
    assert len(titles) == 3 and not any("ask" in title for title in titles)


def test_a_log_of_nothing_but_losses_has_one_panel(log):
    (panel,) = {
        trace.yaxis for trace in model_figures.learning_curves(log[["step", "phase", "loss"]]).data
    }
    assert panel in (None, "y")


def test_what_follows_the_prior_is_drawn_as_far_as_it_is_known():
    sweep = pd.DataFrame(
        {"model_id": ["a", "b"], "prior_mean": [0.05, 0.1], "mask_ratio": [0.04, 0.08]}
        | {"mse": [0.3, 0.2], "auprc": [0.1, 0.2], "low": [0.05, 0.1], "high": [0.2, 0.4]}
    )
    ratio, guide, mse, area = model_figures.prior_curves(sweep).data
    assert list(ratio.x) == [0.05, 0.1] and list(ratio.y) == [0.04, 0.08]
    assert list(guide.x) == list(guide.y)
    assert list(mse.y) == [0.3, 0.2]
    assert list(area.error_y.array) == pytest.approx([0.1, 0.2])
    assert list(area.error_y.arrayminus) == pytest.approx([0.05, 0.1])
    unknown = sweep.assign(auprc=np.nan, mask_ratio=np.nan)
    assert [trace.name for trace in model_figures.prior_curves(unknown).data] == [None]


def test_dots_stand_in_rows_from_the_top_with_their_intervals():
    figure = model_figures.dots(["a", "b"], [0.3, 0.2], [0.1, np.nan], [0.4, np.nan], "r")
    (trace,) = figure.data
    assert list(trace.y) == [0, 1] and list(figure.layout.yaxis.ticktext) == ["a", "b"]
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]
    assert trace.error_x.array[0] == pytest.approx(0.1)
    assert trace.error_x.arrayminus[0] == pytest.approx(0.2)
    assert np.isnan(trace.error_x.array[1])


def test_groups_of_a_row_stand_side_by_side():
    figure = model_figures.dots(
        ["a", "a", "b"],
        [1.0, 2.0, np.nan],
        [1.0, 2.0, 0.0],
        [1.0, 2.0, 0.0],
        "r",
        ["here", "there", "here"],
        (0.5, "chance"),
    )
    here, there = figure.data
    assert (here.name, there.name) == ("here", "there")
    assert here.y[0] != there.y[0] and abs(here.y[0] - there.y[0]) < 1
    assert list(figure.layout.yaxis.ticktext) == ["a"]
    assert [shape.x0 for shape in figure.layout.shapes] == [0.5]


def test_a_group_keeps_its_colour_where_another_has_no_points():
    order = ("learned", "signals")
    both = model_figures.dots(["a", "b"], [1, 2], [0, 1], [2, 3], "r", ["learned", "signals"])
    figure = model_figures.dots(["b"], [2], [1], [3], "r", ["signals"], order=order)
    (trace,) = figure.data
    assert trace.marker.color == both.data[1].marker.color
    assert list(trace.y) == [0]


def test_groups_of_rows_of_their_own_stand_in_the_middle_of_them():
    figure = model_figures.dots(["a", "b"], [1.0, 2.0], [0, 1], [2, 3], "r", ["x", "y"])
    assert [list(trace.y) for trace in figure.data] == [[0], [1]]
