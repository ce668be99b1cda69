"""Rows of edited inputs, deletion effects and masks of other seeds, on screen and paper."""

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from scenes import EDIT, PEAKS, START, TSS, make_scene

from seq2exp.genome.locus import Interval
from seq2exp.view import matplotlib as printed
from seq2exp.view.plotly import figure
from seq2exp.view.rows import build_tracks
from seq2exp.view.tracks import GAIN_COLOR, PALETTE, ViewSettings

SETTINGS = ViewSettings()


@pytest.fixture(scope="module")
def scene():
    return make_scene(tried=True)


def by_key(scene, view):
    return {spec.key: spec for spec in build_tracks(scene, view, SETTINGS)}


def traces(scene, view, key):
    drawn = figure(build_tracks(scene, view, SETTINGS), view, scene.interval, SETTINGS)
    go.Figure(drawn)  # Plotly knows every property
    axis = next(row["axis"] for row in drawn["layout"]["meta"]["rows"] if row["key"] == key)
    return [trace for trace in drawn["data"] if trace["yaxis"] == axis], drawn


def test_rows_of_experiments_are_there_only_where_something_was_tried(scene):
    plain = replace(scene, edits=(), unedited=None, unedited_posterior=None)
    plain = replace(plain, effects=None, seeds=(), seeds_note="")
    rows = by_key(plain, scene.interval)
    assert not {"edits", "effects", "seeds"} & set(rows)
    assert "before" not in rows["dnase"].data and "before" not in rows["mask"].data


def test_what_was_edited_is_shown_beside_what_was_measured(scene):
    view = Interval("chr22", EDIT.interval.start - 500, EDIT.interval.end + 500)
    rows = by_key(scene, view)
    assert rows["edits"].data["start"].tolist() == [EDIT.interval.start]
    assert rows["edits"].data["hover"] == [EDIT.describe()]
    assert rows["edits"].data["color"] == [PALETTE["dnase"]]
    data = rows["dnase"].data
    inside = (data["x"] >= EDIT.interval.start) & (data["x"] < EDIT.interval.end)
    assert data["mean"][inside] == pytest.approx(1.5 * data["before"][inside], rel=1e-5)
    assert np.isnan(data["before"][~inside]).all()  # nothing differs there
    assert "before" not in rows["h3k27ac"].data  # it was not edited
    dotted = [t for t in traces(scene, view, "dnase")[0] if t["line"].get("dash") == "dot"]
    assert len(dotted) == 1 and "without edits" in dotted[0]["hovertemplate"]
    assert [value is not None for value in dotted[0]["y"]] == inside.tolist()


def test_the_axis_stays_when_a_peak_is_taken_away(scene):
    flat = scene.window.signals.copy()
    flat[:, 1] = 0
    gone = replace(scene, window=replace(scene.window, signals=flat))
    as_measured = replace(scene, window=scene.unedited, unedited=None)
    tops = [by_key(one, scene.interval)["dnase"].y_range[1] for one in (gone, as_measured)]
    assert tops[0] == tops[1]


def test_effects_stand_on_their_intervals_from_zero(scene):
    spec = by_key(scene, scene.interval)["effects"]
    assert spec.data["value"].tolist() == scene.effects["delta"].tolist()
    assert spec.data["start"].tolist() == scene.effects["start"].tolist()
    assert spec.y_range[0] < -0.4 and spec.y_range[1] > 0.1
    colors = [PALETTE["effects"] if d < 0 else GAIN_COLOR for d in scene.effects["delta"]]
    assert spec.data["color"] == colors
    assert "Δ -0.4000 · -20.0 % of the predicted CAGE" in spec.data["hover"][0]
    made, drawn = traces(scene, scene.interval, "effects")
    boxes = [t for t in made if t.get("fill") == "toself"]
    x = [value for box in boxes for value in box["x"] if value is not None]
    assert min(x) - 0.5 == scene.effects["start"].min()
    points = next(t for t in made if "hovertemplate" in t)
    y = [value for value in points["y"] if value is not None]
    assert (min(y), max(y)) == (-0.2, 0.05)  # in the middle of the bars, where a cursor finds them
    assert "largest change is -0.4 log10(CAGE + 1) without peak_1" in drawn["layout"]["meta"]["alt"]


def test_thousands_of_effects_stay_light_and_keep_the_largest(scene):
    start = scene.interval.start + np.arange(0, 200_000, 20)
    rng = np.random.default_rng(0)
    many = pd.DataFrame(
        {
            "name": [f"tile_{i}" for i in range(len(start))],
            "chrom": "chr22",
            "start": start,
            "end": start + 20,
            "delta": rng.normal(0, 0.01, len(start)),
            "share": np.nan,
        }
    )
    many.loc[7_000, "delta"] = -3.0
    made, _ = traces(replace(scene, effects=many), scene.interval, "effects")
    y = [value for trace in made for value in trace["y"] if value is not None]
    assert len(y) < 10_000 and min(y) == -3


def test_one_sided_effects_leave_no_room_on_the_other_side(scene):
    lost = replace(scene, effects=scene.effects.assign(delta=-0.1))
    assert by_key(lost, scene.interval)["effects"].y_range[1] == 0
    none = replace(scene, effects=scene.effects.iloc[:0], effects_note="deleting …")
    spec = by_key(none, scene.interval)["effects"]
    assert spec.y_range[0] < spec.y_range[1]
    _, drawn = traces(none, scene.interval, "effects")
    assert any("deleting …" in label["text"] for label in drawn["layout"]["annotations"])


def test_the_band_of_seeds_reaches_from_the_lowest_to_the_highest_mask(scene):
    view = Interval("chr22", TSS + PEAKS[4] - 2_000, TSS + PEAKS[4] + 2_000)
    data = by_key(scene, view)["seeds"].data
    masks = [p.edit(p.mean) for p in (scene.posterior, *scene.seeds)]
    for i in (0, 3, len(data["x"]) - 1):
        first = int(data["x"][i]) - START
        each = [mask[first : first + data["width"]].mean(dtype=np.float64) for mask in masks]
        found = [data[key][i] for key in ("lower", "mean", "upper")]
        assert found == pytest.approx([min(each), np.mean(each), max(each)])
    assert data["band"] == "lowest to highest of 2 seeds"
    waiting = replace(scene, seeds=(), seeds_note="1 other seed: running")
    spec = by_key(waiting, view)["seeds"]
    assert len(spec.data["x"]) == 0 and spec.note == "1 other seed: running"
    traces(waiting, view, "seeds")


def test_they_are_printed_too(scene):
    view = Interval("chr22", TSS - 70_000, TSS + 80_000)
    specs = [
        s
        for s in build_tracks(scene, view, SETTINGS)
        if s.key in ("edits", "effects", "dnase", "seeds")
    ]
    svg = printed.draw(specs, view, "svg").decode()
    for text in ("Edited inputs", "Deletion effect", "Mask over seeds", "lowest to highest of 2"):
        assert text.split()[0] in svg and text.split()[-1] in svg
    bare = printed.draw([s for s in specs if s.key != "effects"], view, "svg").decode()
    for color in (PALETTE["effects"], GAIN_COLOR):
        assert svg.lower().count(color.lower()) > bare.lower().count(color.lower())
    empty = replace(scene, effects=scene.effects.iloc[:0], effects_note="nothing deleted")
    rows = [s for s in build_tracks(empty, view, SETTINGS) if s.key == "effects"]
    assert "nothing deleted" in printed.draw(rows, view, "svg").decode()
    assert io.BytesIO(printed.draw(specs, view, "png", dpi=60)).read(4) == b"\x89PNG"
