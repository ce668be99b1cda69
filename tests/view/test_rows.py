from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scenes import PEAKS, START, TSS, MaskRule, make_scene

from seq2exp.genome.locus import Interval
from seq2exp.view.rows import build_tracks
from seq2exp.view.scene import Scene
from seq2exp.view.tracks import ROW_ORDER, TrackSpec, ViewSettings

SETTINGS = ViewSettings()


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(tried=True)


def by_key(scene: Scene, view: Interval, settings: ViewSettings = SETTINGS) -> dict[str, TrackSpec]:
    return {spec.key: spec for spec in build_tracks(scene, view, settings)}


def around(offset: int, width: int) -> Interval:
    return Interval("chr22", TSS + offset - width // 2, TSS + offset + width // 2)


def test_rows_stand_in_the_agreed_order(scene: Scene) -> None:
    shown = SETTINGS.with_track("triangle", visible=True)
    keys = [spec.key for spec in build_tracks(scene, scene.interval, shown)]
    assert keys == [*ROW_ORDER, "user:0", "user:1"]


def test_hidden_rows_are_not_built_and_missing_files_have_no_row(scene: Scene) -> None:
    bare = replace(scene, crispr=None, truth=None, contact_matrix=None, user_tracks=())
    settings = SETTINGS.with_track("triangle", visible=True).with_track("dnase", visible=False)
    keys = [spec.key for spec in build_tracks(bare, bare.interval, settings)]
    absent = ("crispr", "truth", "triangle", "dnase")
    assert keys == [key for key in ROW_ORDER if key not in absent]


@pytest.mark.parametrize("width", [200_000, 30_000, 3_000, 150])
def test_signals_keep_their_place_at_every_zoom(scene: Scene, width: int) -> None:
    view = scene.interval if width == 200_000 else around(PEAKS[4], width)
    spec = by_key(scene, view)["dnase"]
    values = scene.window.signals[:, 1]
    data = spec.data
    assert len(data["x"]) <= 2_002
    for index in range(0, len(data["x"]), 97):
        start = int(data["x"][index]) - START
        part = values[max(start, 0) : start + data["width"]]
        assert data["max"][index] == part.max()
        assert data["min"][index] == part.min()
        assert data["mean"][index] == pytest.approx(part.mean(dtype=np.float64))


def test_data_reach_half_a_screen_beyond_the_view(scene: Scene) -> None:
    view = around(0, 10_000)
    data = by_key(scene, view)["h3k27ac"].data
    assert data["x"][0] <= view.start - 5_000 < data["x"][0] + data["width"]
    assert data["x"][-1] < view.end + 5_000 <= data["x"][-1] + data["width"]


def test_peaks_and_elements_are_at_the_bp_of_their_tables(scene: Scene) -> None:
    rows = by_key(scene, scene.interval)
    assert rows["peaks"].data["start"].tolist() == scene.peaks["start"].tolist()
    assert rows["peaks"].data["end"].tolist() == scene.peaks["end"].tolist()
    assert rows["peaks"].data["summit"].tolist() == scene.peaks["summit"].tolist()
    assert len(scene.elements) > 3
    assert rows["elements"].data["start"].tolist() == [e.interval.start for e in scene.elements]
    first = scene.elements[0].interval
    assert f"{first.start + 1:,}-{first.end:,}" in rows["elements"].data["hover"][0]


def test_mask_is_the_edited_mean_and_its_band_holds_it(scene: Scene) -> None:
    view = around(-900, 1_000)  # at one base a bin: 500 bp of the promoter and 1,000 outside
    data = by_key(scene, view)["mask"].data
    assert data["width"] == 1
    alpha, beta = scene.posterior.alpha, scene.posterior.beta
    index = data["x"] - START
    promoter = (index >= 99_000) & (index < 101_000)
    assert promoter.any() and (~promoter).any()
    assert (data["mean"][promoter] == 1).all()
    assert (data["lower"][promoter] == 1).all()
    free = index[~promoter]
    assert data["mean"][~promoter] == pytest.approx(alpha[free] / (alpha[free] + beta[free]))
    assert (data["lower"] <= data["mean"]).all() and (data["mean"] <= data["upper"]).all()
    low, high = scene.posterior.quantile(0.05, free), scene.posterior.quantile(0.95, free)
    assert data["lower"][~promoter] == pytest.approx(low, abs=1e-5)
    assert data["upper"][~promoter] == pytest.approx(high, abs=1e-5)
    closed = by_key(scene, scene.interval)["mask"].data
    dark = (closed["x"] - START >= 20_000) & (closed["x"] - START < 23_000)
    assert (closed["max"][dark] == 0).all()
    assert closed["closed"] == [(START + 20_000, START + 23_000)]
    assert closed["promoter"] == (TSS - 1_000, TSS + 1_000)


def test_below_200_bp_the_mask_is_written_in_the_bases_of_the_genome(scene: Scene) -> None:
    assert by_key(scene, around(40, 200))["mask"].kind == "mask"
    spec = by_key(scene, around(5_000, 198))["mask"]
    assert spec.kind == "letters"
    sequence = scene.window.sequence
    for x, base, height in zip(spec.data["x"], spec.data["base"], spec.data["height"], strict=True):
        assert base == sequence[x - START]
        assert height == pytest.approx(scene.posterior.mean[x - START])


def test_threshold_line_is_where_the_rule_cuts() -> None:
    hard = make_scene(rule=MaskRule("hard", threshold=0.37))
    assert by_key(hard, hard.interval)["mask"].threshold == 0.37
    top = make_scene(rule=MaskRule("top", fraction=0.05))
    line = by_key(top, top.interval)["mask"].threshold
    kept = top.posterior.top(0.05) > 0
    kept[top.window.promoter] = False
    assert line == top.posterior.mean[kept].min()
    left_out = ~kept & ~top.window.blacklist
    left_out[top.window.promoter] = False
    assert (top.posterior.mean[left_out] <= line).all()


def test_while_the_model_runs_its_rows_are_there_and_say_so(scene: Scene) -> None:
    waiting = by_key(make_scene(model=False, tried=True), scene.interval)
    done = by_key(scene, scene.interval)
    assert list(waiting) == list(done)
    for key in ("elements", "mask", "evidence"):
        assert waiting[key].note == "the model is running…"
        assert waiting[key].height == done[key].height
    assert len(waiting["mask"].data["x"]) == 0


def test_evidence_shares_are_the_sources_parts_of_alpha(scene: Scene) -> None:
    data = by_key(scene, around(0, 400))["evidence"].data
    evidence = scene.posterior.evidence
    for index in (0, 5, len(data["x"]) - 2):
        start = int(data["x"][index]) - START
        part = evidence[start : start + data["width"]].sum(axis=0, dtype=np.float64)
        assert data["shares"][index] == pytest.approx(part / part.sum(), rel=1e-5)
    assert len(by_key(scene, scene.interval)["evidence"].data["x"]) <= 501


def test_axes_take_the_maximum_the_percentile_a_number_or_their_group(scene: Scene) -> None:
    dnase, h3 = scene.window.signals[:, 1], scene.window.signals[:, 0]
    view = around(30_000, 8_000)
    assert by_key(scene, view)["dnase"].y_range == (0, pytest.approx(dnase.max()))
    p99 = by_key(scene, view, SETTINGS.with_track("dnase", ymax="p99"))["dnase"]
    assert p99.y_range == (0, pytest.approx(np.percentile(dnase, 99)))
    fixed = by_key(scene, view, SETTINGS.with_track("dnase", ymax=42.0))["dnase"]
    assert fixed.y_range == (0, 42.0)
    group = SETTINGS.with_track("dnase", group="a").with_track("h3k27ac", group="a")
    rows = by_key(scene, view, group)
    assert rows["dnase"].y_range == rows["h3k27ac"].y_range
    assert rows["dnase"].y_range[1] == pytest.approx(max(dnase.max(), h3.max()))
    seen = by_key(scene, view, ViewSettings(autoscale="view"))["dnase"]
    part = dnase[view.start - START : view.end - START]
    assert seen.y_range == (0, pytest.approx(part.max()))
    assert part.max() < dnase.max()


def test_genes_do_not_move_between_lanes_when_zooming(scene: Scene) -> None:
    full = by_key(scene, scene.interval)["genes"]
    near = by_key(scene, around(0, 2_000))["genes"]
    assert full.height == near.height
    lanes = {row["name"]: row["lane"] for row in full.data["rows"]}
    assert lanes == {row["name"]: row["lane"] for row in near.data["rows"]}
    assert lanes["SYNGR1"] == 0
    target = [row for row in full.data["rows"] if row["target"]]
    assert [row["name"] for row in target] == ["SYNGR1"]
    assert all(row["canonical"] for row in full.data["rows"])
    every = by_key(scene, scene.interval, ViewSettings(expand_genes=True))["genes"]
    assert len(every.data["rows"]) == 2 * len(full.data["rows"])
    assert every.height > full.height


def test_only_pairs_tested_for_this_gene_are_shown(scene: Scene) -> None:
    data = by_key(scene, scene.interval)["crispr"].data
    assert data["start"].tolist() == scene.crispr["start"].tolist()[:2]
    assert "-31 %" in data["hover"][0] and "regulates SYNGR1" in data["hover"][0]
    assert data["color"][0] != data["color"][1]


def test_a_gene_without_a_tested_element_here_says_where_the_nearest_is(scene: Scene) -> None:
    beyond = scene.interval.end - scene.gene.tss + 2_000
    away = scene.crispr.assign(start=scene.gene.tss + beyond, end=scene.gene.tss + beyond + 600)
    track = by_key(replace(scene, crispr=away), scene.interval)["crispr"]
    said = f"2 beyond it, the nearest {(beyond + 300) / 1000:.0f} kb from the TSS"
    assert track.note == f"no element in this window was tested for SYNGR1; {said}"
    other = replace(scene, crispr=away.assign(chrom="chr1"))
    track = by_key(other, scene.interval)["crispr"]
    assert track.note == "no element in this window was tested for SYNGR1"


def test_planted_roles_tell_causal_elements_from_decoys(scene: Scene) -> None:
    roles = scene.truth.assign(role=["causal", "ctcf", "causal", "broken_motif"], effect=0.25)
    data = by_key(replace(scene, truth=roles), scene.interval)["truth"].data
    causal = [color == data["color"][0] for color in data["color"]]
    assert causal == [True, False, True, False]
    assert data["name"][1] == "decoy: open CTCF site"
    assert "25 % of its expression" in data["hover"][0]


def test_pooling_the_triangle_keeps_every_contact(scene: Scene) -> None:
    def fine(interval: Interval) -> tuple[np.ndarray, np.ndarray]:
        starts = np.arange(interval.start // 1000, -(-interval.end // 1000)) * 1000
        return np.random.default_rng(5).random((len(starts), len(starts))), starts

    many = replace(scene, contact_matrix=fine)
    settings = SETTINGS.with_track("triangle", visible=True)
    data = by_key(many, many.interval, settings)["triangle"].data
    matrix, starts = fine(many.interval)
    assert len(data["x"]) == len(data["matrix"]) + 1 <= 65
    assert data["x"][0] == starts[0] and data["x"][-1] == starts[-1] + 1_000
    assert data["matrix"].sum() == pytest.approx(matrix.sum())
    step = data["x"][1] - data["x"][0]
    pooled = matrix[: step // 1000, step // 1000 : 2 * step // 1000].sum()
    assert data["matrix"][0, 1] == pytest.approx(pooled)


def test_real_peaks_genes_and_signal_stand_at_their_coordinates(real_data: Path) -> None:
    """Read the files by other means and find the same numbers at the same bp in the rows."""
    import gzip

    import pyBigWig

    from seq2exp.datasets.catalog import Dataset
    from seq2exp.tracks.narrowpeak import read_narrowpeak

    folder = real_data / "k562_chr22"
    yaml = Path(__file__).resolve().parents[2] / "data" / "datasets" / "k562_chr22.yaml"
    dataset = Dataset.load(yaml, root=folder)
    gene = dataset.gene("SYNGR1")
    window = dataset.window(gene, "K562")
    scene = Scene(
        window=window,
        genes=dataset.annotation.overlapping(window.interval),
        peaks=read_narrowpeak(folder / "K562.DNase.macs2.narrowPeak"),
    )
    rows = by_key(scene, window.interval)
    lines = (folder / "K562.DNase.macs2.narrowPeak").read_text().splitlines()
    expected = sorted(
        (int(f[1]), int(f[2]))
        for f in (line.split("\t") for line in lines)
        if f[0] == "chr22" and int(f[1]) < window.interval.end and int(f[2]) > window.interval.start
    )
    peaks = rows["peaks"].data
    assert list(zip(peaks["start"].tolist(), peaks["end"].tolist(), strict=True)) == expected
    assert expected
    bigwig = pyBigWig.open(str(folder / "K562.DNase.bw"))
    data = rows["dnase"].data
    for index in range(0, len(data["x"]), 211):
        start = int(data["x"][index])
        if start < window.interval.start or start + data["width"] > window.interval.end:
            continue
        values = np.nan_to_num(bigwig.values("chr22", start, start + data["width"], numpy=True))
        assert data["mean"][index] == pytest.approx(values.mean(dtype=np.float64), rel=1e-5)
    with gzip.open(folder / "genes.gtf.gz", "rt") as handle:
        row = next(r for r in rows["genes"].data["rows"] if r["name"] == "SYNGR1")
        exons = {
            (int(f[3]) - 1, int(f[4]))
            for f in (line.split("\t") for line in handle if row["transcript_id"] in line)
            if f[2] == "exon"
        }
    assert set(row["exons"]) == exons and exons
