"""The figures of the Data page draw what the tables say."""

import json

import numpy as np
import pandas as pd
import pytest

from seq2exp.datasets.adding.scale import distribution
from seq2exp.datasets.catalog import Dataset
from seq2exp.datasets.simulate import make_demo
from seq2exp.genome.window import SIGNALS
from seq2exp.view.data_figures import preview, preview_frame, scales


@pytest.fixture(scope="module")
def windows(tmp_path_factory):
    dataset = Dataset.load(make_demo(tmp_path_factory.mktemp("figures") / "tiny", "tiny"))
    return {cell: dataset.window(dataset.default_gene, cell) for cell in dataset.cells}


@pytest.fixture
def peaks(windows):
    place = next(iter(windows.values())).interval
    starts = [place.start + 1000, place.start + 5000, place.end + 10]
    frame = pd.DataFrame({"chrom": place.chrom, "start": starts})
    return {"sim-lymphoid": frame.assign(end=frame["start"] + 400)}


def drawn(figure) -> dict:
    """The figure as the page's JavaScript gets it."""
    return json.loads(figure.to_json())


def test_the_preview_has_a_row_for_each_track_of_each_cell_type(windows, peaks):
    figure = preview(windows, peaks)
    rows = [trace for trace in figure.data if trace.fill == "tozeroy"]
    names = [f"{cell}, {track}" for cell in windows for track in ("DNase", "H3K27ac", "Hi-C")]
    assert [trace.name for trace in rows] == names
    window = windows["sim-lymphoid"]
    place = window.interval
    dnase = next(trace for trace in rows if trace.name == "sim-lymphoid, DNase")
    values = window.signals[:, SIGNALS.index("DNase")]
    assert max(dnase.y) == pytest.approx(values.max(), abs=1e-4)
    at = dnase.x[int(np.argmax(dnase.y))] - 1 - place.start
    width = dnase.x[1] - dnase.x[0]
    assert values[at : at + width].max() == values.max()  # the bin begins at its first base
    # One scale for a track in all cell types.
    tops = {trace.name.split(", ")[1]: set() for trace in rows}
    for i, trace in enumerate(rows, start=1):
        axis = figure.layout["yaxis" if i == 1 else f"yaxis{i}"]
        tops[trace.name.split(", ")[1]].add(axis.range[1])
    assert all(len(found) == 1 for found in tops.values())
    bars = [trace for trace in figure.data if trace.name == "sim-lymphoid, peaks"]
    assert list(bars[0].x) == [
        place.start + 1001, place.start + 1400, None, place.start + 5001, place.start + 5400, None
    ]  # fmt: skip
    assert len(drawn(figure)["data"]) == 7


def test_the_previews_table_has_its_numbers(windows, peaks):
    frame = preview_frame(windows, peaks).set_index(["cell", "track"])
    values = windows["sim-erythroid"].signals[:, SIGNALS.index("H3K27ac")]
    row = frame.loc["sim-erythroid", "H3K27ac"]
    assert row["mean"] == pytest.approx(values.mean(dtype=float))
    assert row["covered"] == np.count_nonzero(values) / values.size
    assert frame.loc[("sim-lymphoid", "DNase"), "peaks"] == 2
    assert frame["peaks"].notna().sum() == 1


def test_scale_curves_hold_shares_and_values(windows):
    rng = np.random.default_rng(3)
    new = distribution("new", 1000 * rng.gamma(0.3, 2, 5000))
    known = [distribution(name, rng.gamma(0.3, 2, 5000)) for name in ("a", "b")]
    figure = scales({"dnase": (new, *known), "expression": (known[0],), "contact": ()})
    assert len({axis for trace in figure.data for axis in [trace.xaxis]}) == 2
    first, second = figure.data[:2]
    assert first.name == "new (new)" and second.name == "a"
    np.testing.assert_allclose(first.x, 100 * new.shares[new.values > 0])
    np.testing.assert_allclose(first.y, new.values[new.values > 0])
    assert figure.layout.yaxis.type == "log" and figure.layout.yaxis2.type == "linear"
    # Each is named once, and told apart without colour.
    named = [trace.name for trace in figure.data if trace.showlegend]
    assert named == ["new (new)", "a", "b"]
    assert len({trace.line.dash for trace in figure.data[:3]}) == 3


def test_a_track_of_zeros_is_an_empty_curve():
    nothing = distribution("new", np.zeros(100))
    (trace,) = scales({"dnase": (nothing,)}).data
    assert len(trace.x) == 0 and nothing.covered == nothing.top == nothing.decades == 0
    assert distribution("none", np.zeros(0)).bases == 0


def test_values_far_below_all_others_do_not_stretch_the_axis():
    faded = distribution("new", np.geomspace(1e-14, 100, 2000))
    near = distribution("known", np.geomspace(0.5, 50, 2000))
    low, high = scales({"contact": (faded, near)}).layout.yaxis.range
    assert (low, high) == pytest.approx((2 - 6 - 0.3, 2.3))
    low, high = scales({"contact": (near,)}).layout.yaxis.range
    assert 10**low < 0.5 and 50 < 10**high < 100
