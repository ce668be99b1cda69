import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from scenes import PEAKS, TSS, make_scene

from seq2exp.genome.locus import Interval
from seq2exp.view.plotly import figure
from seq2exp.view.plotly_parts import Ink, number, rounded
from seq2exp.view.rows import build_tracks
from seq2exp.view.scene import Scene, UserTrack
from seq2exp.view.tracks import ROW_ORDER, ViewSettings

EVERYTHING = ViewSettings().with_track("triangle", visible=True)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(tried=True)


def draw(scene: Scene, view: Interval, settings: ViewSettings = EVERYTHING, **more: Any) -> dict:
    return figure(build_tracks(scene, view, settings), view, scene.interval, settings, **more)


def axis_of(drawn: dict, key: str) -> str:
    return next(row["axis"] for row in drawn["layout"]["meta"]["rows"] if row["key"] == key)


def traces(drawn: dict, key: str) -> list[dict]:
    return [trace for trace in drawn["data"] if trace["yaxis"] == axis_of(drawn, key)]


def view_of(width: int) -> Interval:
    middle = TSS + PEAKS[4]
    return Interval("chr22", middle - width // 2, middle + width // 2)


def test_full_window_with_every_row_stays_below_400_kb(scene: Scene) -> None:
    text = json.dumps(draw(scene, scene.interval), separators=(",", ":"), allow_nan=False)
    assert len(text) < 400_000
    small = json.dumps(draw(scene, view_of(9_000)), separators=(",", ":"), allow_nan=False)
    assert len(small) < 400_000


@pytest.mark.parametrize("width", [200_000, 20_000, 150])
@pytest.mark.parametrize("dark", [False, True])
def test_plotly_itself_accepts_every_property(scene: Scene, width: int, dark: bool) -> None:
    view = scene.interval if width == 200_000 else view_of(width)
    marks = [Interval("chr22", TSS, TSS + 500)]
    drawn = draw(scene, view, dark=dark, highlights=marks)
    go.Figure(drawn)


def test_only_filled_paths_on_one_fixed_x_axis(scene: Scene) -> None:
    drawn = draw(scene, scene.interval)
    assert {trace["type"] for trace in drawn["data"]} == {"scatter"}
    assert {trace["xaxis"] for trace in drawn["data"]} == {"x"}
    layout = drawn["layout"]
    assert (layout["hovermode"], layout["hoversubplots"]) == ("x unified", "axis")
    axes = [value for key, value in layout.items() if key.startswith("yaxis")]
    assert len(axes) == len(ROW_ORDER) + 2 and all(axis["fixedrange"] for axis in axes)
    x = layout["xaxis"]
    assert (x["minallowed"], x["maxallowed"]) == (
        scene.interval.start + 0.5,
        scene.interval.end + 0.5,
    )


def test_rows_do_not_overlap_and_keep_their_heights(scene: Scene) -> None:
    specs = build_tracks(scene, scene.interval, EVERYTHING)
    layout = figure(specs, scene.interval, scene.interval, EVERYTHING)["layout"]
    body = layout["height"] - layout["margin"]["t"] - layout["margin"]["b"]
    above = 1.0
    for index, spec in enumerate(specs):
        low, high = layout["yaxis" + (str(index + 1) if index else "")]["domain"]
        assert 0 <= low < high <= above
        assert (high - low) * body == pytest.approx(spec.height, abs=0.6)
        above = low


def test_ticks_and_hover_are_one_based(scene: Scene) -> None:
    drawn = draw(scene, view_of(150))
    trace = traces(drawn, "mask")[-1]
    first = build_tracks(scene, view_of(150), EVERYTHING)
    spec = next(spec for spec in first if spec.key == "mask")
    # The middle of 0-based base p is drawn at p + 1, the number people read.
    assert trace["x0"] == spec.data["x"][0] + 1 and trace["dx"] == 1
    view = view_of(150)
    assert drawn["layout"]["xaxis"]["range"] == [view.start + 0.5, view.end + 0.5]


def test_peak_boxes_run_from_edge_to_edge_of_the_peak(scene: Scene) -> None:
    boxes = next(t for t in traces(draw(scene, scene.interval), "peaks") if t.get("fill"))
    x = [value for value in boxes["x"] if value is not None]
    starts, ends = x[0::5], x[2::5]
    assert [s - 0.5 for s in starts] == scene.peaks["start"].tolist()
    assert [e - 0.5 for e in ends] == scene.peaks["end"].tolist()


def test_a_cursor_anywhere_in_a_peak_finds_it(scene: Scene) -> None:
    view = view_of(4_000)
    points = next(t for t in traces(draw(scene, view), "peaks") if t.get("hovertemplate"))
    row = scene.peaks.iloc[4]
    x = np.array([v for v in points["x"] if v is not None])
    inside = x[(x > row["start"]) & (x < row["end"] + 1)]
    spread = np.diff(np.concatenate(([row["start"]], np.sort(inside), [row["end"]])))
    assert spread.max() <= 4_000 / 100 + 1
    assert f"{row['start'] + 1:,}-{row['end']:,}" in points["text"][0] + "".join(points["text"])


def test_thousands_of_intervals_stay_light_and_in_place(scene: Scene) -> None:
    start = scene.interval.start + np.arange(0, 200_000, 20)
    frame = pd.DataFrame({"chrom": "chr22", "start": start, "end": start + 10})
    dense = replace(scene, user_tracks=[UserTrack("dense", intervals=frame)])
    light = traces(draw(dense, scene.interval), "user:0")
    assert len(json.dumps(light)) < 50_000
    x = [value for value in light[0]["x"] if value is not None]
    assert (min(x) - 0.5, max(x) - 0.5) == (start[0], start[-1] + 10)
    near = traces(draw(dense, view_of(2_000)), "user:0")
    assert sum(value is None for value in near[0]["x"]) == pytest.approx(4_000 / 20, abs=2)


def test_log_scale_draws_the_logarithm_and_tells_the_value(scene: Scene) -> None:
    settings = EVERYTHING.with_track("h3k27ac", scale="log1p")
    mean = traces(draw(scene, scene.interval, settings), "h3k27ac")[-1]
    assert mean["y"] == pytest.approx(np.log10(1 + np.array(mean["customdata"])), abs=2e-3)


def test_letters_become_paths_in_four_colours(scene: Scene) -> None:
    drawn = draw(scene, view_of(120))
    paths = [shape for shape in drawn["layout"]["shapes"] if shape["type"] == "path"]
    assert len(paths) == 4 and len({shape["fillcolor"] for shape in paths}) == 4
    assert {shape["yref"] for shape in paths} == {axis_of(drawn, "mask")}


def test_promoter_is_hatched_and_threshold_drawn(scene: Scene) -> None:
    drawn = draw(scene, scene.interval)
    hatched = [t for t in traces(drawn, "mask") if "fillpattern" in t]
    assert hatched[0]["x"][:4] == [TSS - 999.5, TSS - 999.5, TSS + 1000.5, TSS + 1000.5]
    lines = [s for s in drawn["layout"]["shapes"] if s["yref"] == axis_of(drawn, "mask")]
    assert [line["y0"] for line in lines] == [0.4]


def test_genes_can_be_found_by_a_click(scene: Scene) -> None:
    drawn = draw(scene, scene.interval)
    meta = drawn["layout"]["meta"]
    ids = {gene.id for gene in scene.genes}
    assert {entry[0] for entry in meta["genes"]} == ids
    assert ids == {i for t in traces(drawn, "genes") for i in t.get("customdata", []) if i}
    for _, _, start, end, lane, label in meta["genes"]:
        assert 0 <= lane < meta["gene_lanes"] and start < end and label


def test_names_of_genes_on_screen_are_not_cut_by_its_edge(scene: Scene) -> None:
    view = Interval("chr22", TSS + 37_000, TSS + 60_000)  # the end of one gene, a part of another
    drawn = draw(scene, view)
    text = next(t for t in traces(drawn, "genes") if t["mode"] == "text")
    for x, label in zip(text["x"], text["text"], strict=True):
        if "SYNGR1" in label or "MGAT3 " in label:
            assert view.start < x < view.end


def test_alt_text_names_the_place_and_what_is_there(scene: Scene) -> None:
    alt = draw(scene, scene.interval)["layout"]["meta"]["alt"]
    assert alt.startswith(f"Genome browser view of {scene.interval}")
    assert "SYNGR1" in alt and "MACS3 peaks: 7 on screen" in alt
    assert f"Learned elements: {len(scene.elements)} on screen" in alt


def test_waiting_rows_say_why(scene: Scene) -> None:
    drawn = draw(make_scene(model=False, tried=True), scene.interval)
    notes = [a["text"] for a in drawn["layout"]["annotations"] if "running" in a["text"]]
    assert len(notes) == 3
    assert drawn["layout"]["height"] == draw(scene, scene.interval)["layout"]["height"]


def test_colours_stay_visible_on_a_dark_page() -> None:
    ink = Ink.of(True)
    for color in ("#4D4D4D", "#0072B2", "#262730"):
        red, green, blue = (int(ink.on_page(color)[i : i + 2], 16) for i in (1, 3, 5))
        assert 0.299 * red + 0.587 * green + 0.114 * blue > 100
    assert Ink.of(False).on_page("#4D4D4D") == "#4D4D4D"


def test_no_row_at_all_is_still_a_figure(scene: Scene) -> None:
    settings = ViewSettings()
    for key in (*ROW_ORDER, "user:0", "user:1"):
        settings = settings.with_track(key, visible=False)
    go.Figure(draw(scene, scene.interval, settings))


def test_a_window_without_genes_or_peaks(scene: Scene) -> None:
    empty = replace(scene, genes=[], peaks=scene.peaks.iloc[:0], elements=[], user_tracks=())
    drawn = draw(empty, scene.interval)
    go.Figure(drawn)
    assert any("no element passes" in a["text"] for a in drawn["layout"]["annotations"])


def test_numbers_are_short_and_right() -> None:
    values = [0.0, 0.300000004, 123456.0, -0.00123456, 1e-12, 7.0]
    assert rounded(values) == [0, 0.3, 123500, -0.001235, 1e-12, 7]
    rng = np.random.default_rng(0)
    many = rng.lognormal(0, 6, 2_000)
    assert rounded(many) == pytest.approx(many, rel=5.1e-4)
    assert max(len(json.dumps(v)) for v in rounded(rng.random(500))) <= 9
    assert [number(v) for v in (0, 3.14159, 12345, 0.0271)] == ["0", "3.14", "12,300", "0.0271"]
