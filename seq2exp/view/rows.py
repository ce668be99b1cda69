"""From a scene to rows: one small function a row, each binning only what the view needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seq2exp.analysis.elements import runs
from seq2exp.genome.annotation import Gene
from seq2exp.genome.locus import Interval, to_one_based
from seq2exp.genome.window import SIGNALS
from seq2exp.view.bins import beta_band, bin_edges, bin_mean, bin_size, bin_values, padded
from seq2exp.view.scene import Scene, UserTrack
from seq2exp.view.tracks import (
    EVIDENCE_COLORS,
    EVIDENCE_NAMES,
    PALETTE,
    ROW_HEIGHTS,
    ROW_TITLES,
    TrackSpec,
    ViewSettings,
    assign_lanes,
)

#: Collapsed genes are packed into at most this many lanes, expanded transcripts into this many.
GENE_LANES, TRANSCRIPT_LANES = 6, 40
GENE_LANE_HEIGHT = 27.0
#: bp that one character of a gene's label takes at full width; packing for the full width keeps the
#: lanes, and so the height of the row, the same at every zoom.
LABEL_BP_FRACTION = 1 / 150
#: The triangle is pooled to at most this many bins a side.
TRIANGLE_BINS = 64


def build_tracks(scene: Scene, viewport: Interval, settings: ViewSettings) -> list[TrackSpec]:
    """Turn a scene into the rows to draw, top to bottom.

    Rows that have nothing to show because the data set has no such file (CRISPRi, truth, contact
    map) are left out; rows that wait for the model or the peak caller are there, empty and saying
    so, so nothing moves when they fill in.

    Parameters
    ----------
    scene : Scene
    viewport : Interval
        What is on screen, 0-based half-open, inside the window.
    settings : ViewSettings

    Returns
    -------
    list of TrackSpec
        Bins cover the view and half a screen on either side, on absolute edges.
    """
    area = padded(viewport, scene.interval)
    bin_bp = bin_size(area.end - area.start)
    signal = partial(_signal, scene=scene, area=area, bin_bp=bin_bp, settings=settings)
    builders: dict[str, Callable[[], TrackSpec | None]] = {
        "ruler": partial(_ruler, scene),
        "genes": partial(_genes, scene, settings),
        "dnase": partial(signal, "dnase", SIGNALS.index("DNase"), "signal"),
        "h3k27ac": partial(signal, "h3k27ac", SIGNALS.index("H3K27ac"), "signal"),
        "contact": partial(signal, "contact", SIGNALS.index("Hi-C"), "log10(1 + contact)"),
        "triangle": partial(_triangle, scene, viewport, settings),
        "peaks": partial(_peaks, scene, area, settings),
        "elements": partial(_elements, scene, area, settings),
        "truth": partial(_truth, scene, area, settings),
        "mask": partial(_mask, scene, viewport, area, bin_bp, settings),
        "evidence": partial(_evidence, scene, area, bin_bp, settings),
        "crispr": partial(_crispr, scene, area, settings),
    }
    for index, track in enumerate(scene.user_tracks):
        builders[f"user:{index}"] = partial(
            _user, f"user:{index}", track, scene, area, bin_bp, settings
        )
    keys = [key for key in builders if settings.shows(key)]
    specs = [builders[key]() for key in settings.arrange(keys)]
    return _scaled([spec for spec in specs if spec is not None], scene, viewport, settings)


def _look(key: str, settings: ViewSettings) -> tuple[float, str]:
    """Return height and colour of a row."""
    chosen = settings.of(key)
    base = key.split(":", maxsplit=1)[0]
    return chosen.height or ROW_HEIGHTS[base], chosen.color or PALETTE[base]


def _ruler(scene: Scene) -> TrackSpec:
    data = {"tss": scene.gene.tss, "strand": scene.gene.strand, "gene": scene.gene.name}
    return TrackSpec(
        "ruler", scene.interval.chrom, "ruler", "bp", ROW_HEIGHTS["ruler"], PALETTE["ruler"], data
    )


def _genes(scene: Scene, settings: ViewSettings) -> TrackSpec:
    """Pack genes into lanes: the window's own gene first, then coding genes, then the others."""
    expand = settings.expand_genes
    label_bp = scene.interval.width * LABEL_BP_FRACTION * settings.font_size / 12

    def rank(gene: Gene) -> tuple[bool, bool, int]:
        return gene.id != scene.gene.id, gene.biotype != "protein_coding", gene.start

    rows: list[dict[str, Any]] = []
    for gene in sorted(scene.genes, key=rank):
        transcripts = sorted(gene.transcripts, key=lambda t: (not t.canonical, t.start, t.end))
        for transcript in transcripts if expand else transcripts[:1]:
            rows.append(
                {
                    "gene_id": gene.id,
                    "transcript_id": transcript.id,
                    "name": gene.name or gene.id,
                    "strand": gene.strand,
                    "start": transcript.start,
                    "end": transcript.end,
                    "exons": [tuple(exon) for exon in transcript.exons],
                    "cds": tuple(transcript.cds) if transcript.cds else None,
                    "canonical": transcript.canonical,
                    "target": gene.id == scene.gene.id,
                    "biotype": gene.biotype,
                }
            )
    # A label is centred under the part inside the window, so it can stand out on both sides.
    starts, ends = [], []
    for row in rows:
        low = max(row["start"], scene.interval.start)
        high = max(min(row["end"], scene.interval.end), low)
        text = int(label_bp * (len(row["name"]) + 3))
        wider = max(text - (high - low), 0) // 2
        starts.append(low - wider)
        ends.append(high + wider)
    limit = TRANSCRIPT_LANES if expand else GENE_LANES
    shown = []
    for row, lane in zip(rows, assign_lanes(starts, ends, gap=int(label_bp)), strict=True):
        if lane < limit:
            shown.append({**row, "lane": int(lane)})
    lanes = max((row["lane"] for row in shown), default=0) + 1
    hidden = len(rows) - len(shown)
    _, color = _look("genes", settings)
    return TrackSpec(
        key="genes",
        title=ROW_TITLES["genes"],
        kind="genes",
        unit="",
        height=settings.of("genes").height or lanes * GENE_LANE_HEIGHT,
        color=color,
        data={"rows": shown, "lanes": lanes},
        note=f"{hidden} more not shown" if hidden else "",
    )


def _signal(
    key: str,
    channel: int,
    unit: str,
    scene: Scene,
    area: Interval,
    bin_bp: int,
    settings: ViewSettings,
) -> TrackSpec:
    values = scene.window.signals[:, channel]
    height, color = _look(key, settings)
    return TrackSpec(
        key=key,
        title=ROW_TITLES[key],
        kind="signal",
        unit=unit,
        height=height,
        color=color,
        data=_binned(values, scene, area, bin_bp),
        scale=settings.of(key).scale or "linear",
        note=scene.window.contact_source if key == "contact" else "",
    )


def _binned(values: NDArray[Any], scene: Scene, area: Interval, bin_bp: int) -> dict[str, Any]:
    x, low, mean, high = bin_values(values, scene.interval.start, area, bin_bp)
    return {"x": x, "width": bin_bp, "min": low, "mean": mean, "max": high}


def _triangle(scene: Scene, viewport: Interval, settings: ViewSettings) -> TrackSpec | None:
    """Pool the contact map of the view; the lower half of the square is its mirror image."""
    if scene.contact_matrix is None:
        return None
    clip = Interval(
        viewport.chrom,
        max(viewport.start, scene.interval.start + scene.window.pad_left),
        min(viewport.end, scene.interval.end - scene.window.pad_right),
    )
    matrix, starts = scene.contact_matrix(clip)
    counts = np.nan_to_num(np.asarray(matrix, dtype=np.float64))
    edges = np.asarray(starts, dtype=np.int64)
    step = int(edges[1] - edges[0]) if len(edges) > 1 else clip.width
    pool = max(1, -(-len(edges) // TRIANGLE_BINS))
    if pool > 1:
        cuts = np.arange(0, len(edges), pool)
        counts = np.add.reduceat(np.add.reduceat(counts, cuts, axis=0), cuts, axis=1)
        edges = np.append(edges[cuts], edges[-1] + step)
    else:
        edges = np.append(edges, edges[-1] + step) if len(edges) else edges
    height, color = _look("triangle", settings)
    return TrackSpec(
        key="triangle",
        title=ROW_TITLES["triangle"],
        kind="triangle",
        unit="log10(1 + count)",
        height=height,
        color=color,
        data={"x": edges, "matrix": counts},
        note=f"{pool * step / 1000:g} kb bins",
    )


def _intervals(
    key: str,
    settings: ViewSettings,
    start: Sequence[int] | NDArray[Any],
    end: Sequence[int] | NDArray[Any],
    name: Sequence[str],
    score: Sequence[float] | NDArray[Any],
    hover: Sequence[str],
    summit: Sequence[int] | NDArray[Any] | None = None,
    color: Sequence[str] | None = None,
    note: str = "",
    title: str = "",
) -> TrackSpec:
    height, base_color = _look(key, settings)
    starts = np.asarray(start, dtype=np.int64)
    lane = assign_lanes(starts, end)
    lanes = int(lane.max(initial=0)) + 1
    if settings.of(key).height is None and lanes > 1:
        height = max(height, lanes * 11.0 + 6)
    return TrackSpec(
        key=key,
        title=title or ROW_TITLES[key],
        kind="intervals",
        unit="",
        height=height,
        color=base_color,
        data={
            "start": starts,
            "end": np.asarray(end, dtype=np.int64),
            "name": list(name),
            "score": np.asarray(score, dtype=np.float64),
            "lane": lane,
            "lanes": lanes,
            "color": list(color) if color is not None else [base_color] * len(starts),
            "hover": list(hover),
            "summit": np.full(len(starts), -1) if summit is None else np.asarray(summit),
        },
        note=note,
    )


def _inside(frame: pd.DataFrame, area: Interval) -> pd.DataFrame:
    """Return the rows of a table that touch an area, from left to right."""
    hit = (frame["start"] < area.end) & (frame["end"] > area.start)
    if "chrom" in frame:
        hit &= frame["chrom"] == area.chrom
    return frame[hit].sort_values(["start", "end"], kind="stable")


def _span(start: int, end: int) -> str:
    """Write a 0-based half-open span as people read it."""
    return f"{to_one_based(start):,}-{end:,} ({end - start:,} bp)"


def _peaks(scene: Scene, area: Interval, settings: ViewSettings) -> TrackSpec:
    if scene.peaks is None:
        note = scene.peaks_note or "calling peaks…"
        return _intervals("peaks", settings, [], [], [], [], [], note=note)
    frame = _inside(scene.peaks, area)
    hover = []
    for row in frame.itertuples(index=False):
        parts = [_span(row.start, row.end), f"signal {row.signal_value:.3g}"]
        if row.q_log10 >= 0:
            parts.append(f"−log10 q {row.q_log10:.3g}")
        hover.append(" · ".join(parts))
    return _intervals(
        "peaks",
        settings,
        frame["start"].to_numpy(),
        frame["end"].to_numpy(),
        [str(name) for name in frame["name"]],
        frame["signal_value"].to_numpy(),
        hover,
        summit=frame["summit"].to_numpy(),
        note=scene.peaks_note or ("" if len(scene.peaks) else "no peaks"),
    )


def _elements(scene: Scene, area: Interval, settings: ViewSettings) -> TrackSpec:
    found = [e for e in scene.elements if e.interval.overlaps(area)]
    _, color = _look("elements", settings)
    pale = "#8FD1BB"
    note = ""
    if scene.posterior is None:
        note = scene.model_note
    elif not scene.elements:
        note = "no element passes the threshold"
    return _intervals(
        "elements",
        settings,
        [e.interval.start for e in found],
        [e.interval.end for e in found],
        [e.name for e in found],
        [e.mean_mask for e in found],
        [
            f"{_span(e.interval.start, e.interval.end)} · {e.kind} · "
            f"mask mean {e.mean_mask:.2f}, max {e.max_mask:.2f}"
            for e in found
        ],
        summit=[e.summit for e in found],
        color=[pale if e.kind == "promoter" else color for e in found],
        note=note,
    )


def _truth(scene: Scene, area: Interval, settings: ViewSettings) -> TrackSpec | None:
    if scene.truth is None:
        return None
    frame = _inside(scene.truth, area)
    names = [str(n) for n in frame["name"]] if "name" in frame else ["planted"] * len(frame)
    return _intervals(
        "truth",
        settings,
        frame["start"].to_numpy(),
        frame["end"].to_numpy(),
        names,
        np.zeros(len(frame)),
        [_span(a, b) for a, b in zip(frame["start"], frame["end"], strict=True)],
        note="" if len(scene.truth) else "none planted",
    )


def _crispr(scene: Scene, area: Interval, settings: ViewSettings) -> TrackSpec | None:
    """Show the pairs tested for this gene; significant loss of expression is filled in colour."""
    if scene.crispr is None:
        return None
    frame = _inside(scene.crispr, area)
    gene = scene.gene
    mine = frame["gene_symbol"].astype(str).str.upper() == gene.name.upper()
    if "gene_id" in frame:
        mine |= frame["gene_id"].astype(str).str.split(".").str[0] == gene.id.split(".")[0]
    frame = frame[mine]
    _, color = _look("crispr", settings)
    hover = []
    for row in frame.itertuples(index=False):
        effect = "effect not given" if pd.isna(row.effect) else f"effect {100 * row.effect:+.0f} %"
        p = "" if pd.isna(row.p_adjusted) else f" (adjusted p {row.p_adjusted:.2g})"
        regulates = "regulates" if bool(row.regulated) else "no effect found on"
        span = _span(row.start, row.end)
        hover.append(f"{span} · {regulates} {row.gene_symbol} · {effect}{p}")
    tested = int((scene.crispr["gene_symbol"].astype(str).str.upper() == gene.name.upper()).sum())
    return _intervals(
        "crispr",
        settings,
        frame["start"].to_numpy(),
        frame["end"].to_numpy(),
        [f"{row.gene_symbol} {row.dataset}" for row in frame.itertuples(index=False)],
        frame["effect"].to_numpy(dtype=np.float64),
        hover,
        color=[color if bool(r) else "#BDBDBD" for r in frame["regulated"]],
        note="" if tested else f"no element tested for {gene.name}",
    )


def _mask_parts(scene: Scene) -> dict[str, Any]:
    origin = scene.interval.start
    closed = [(origin + int(a), origin + int(b)) for a, b in runs(scene.window.blacklist)]
    return {"promoter": scene.promoter, "closed": closed}


def _cutoff(scene: Scene) -> float | None:
    """Return the mask mean above which bases count as selected under the rule on show."""
    if scene.rule is None or scene.posterior is None:
        return None
    if scene.rule.mode != "top":
        return float(scene.rule.threshold)
    chosen = np.array(scene.posterior.top(scene.rule.fraction)) > 0.5
    chosen[scene.window.promoter] = False
    return float(scene.posterior.mean[chosen].min()) if chosen.any() else None


def _mask(
    scene: Scene, viewport: Interval, area: Interval, bin_bp: int, settings: ViewSettings
) -> TrackSpec:
    """Build the mask row: mean and 90 % credible band per bin, letters at base level.

    In bins of several bases the mean is the bin's mean of the bases' means and the band is that of
    the Beta with the bin's mean parameters: the uncertainty about a typical base of the bin, not
    about the bin's average. At 1 bp per bin both are exact. The forced-open promoter is 1 and the
    blacklist 0, without a band.
    """
    height, color = _look("mask", settings)
    letters = viewport.width < settings.letters_below
    posterior = scene.posterior
    parts = _mask_parts(scene)
    base = partial(
        TrackSpec,
        key="mask",
        title=ROW_TITLES["mask"],
        height=height,
        color=color,
        y_range=(0.0, 1.0),
        threshold=_cutoff(scene),
        scale="linear",
    )
    if posterior is None:
        none = np.zeros(0)
        data = {"x": np.zeros(0, dtype=np.int64), "width": bin_bp, "lower": none, "upper": none}
        data |= {"min": none, "mean": none, "max": none}
        return base(kind="mask", unit="P(used)", data=data | parts, note=scene.model_note)
    if letters:
        bin_bp = 1
    origin = scene.interval.start
    shown = np.asarray(posterior.edit(posterior.mean), dtype=np.float64)
    data = _binned(shown, scene, area, bin_bp)
    lower, upper = beta_band(
        bin_mean(posterior.alpha, origin, area, bin_bp),
        bin_mean(posterior.beta, origin, area, bin_bp),
    )
    # Edited bases are certain.
    fixed = np.asarray(scene.window.blacklist).copy()
    fixed[scene.window.promoter] = True
    forced = bin_mean(fixed, origin, area, bin_bp) > 0.5
    data["lower"] = np.where(forced, data["mean"], lower)
    data["upper"] = np.where(forced, data["mean"], upper)
    data |= parts
    if letters:
        first = int(data["x"][0]) - origin
        codes = scene.window.codes[first : first + len(data["x"])]
        data["base"] = ["ACGTN"[code] for code in codes]
        data["height"] = data["mean"]
        return base(kind="letters", unit="P(used)", data=data, note=scene.prior_note)
    return base(kind="mask", unit="P(used)", data=data, note=scene.prior_note)


def _evidence(scene: Scene, area: Interval, bin_bp: int, settings: ViewSettings) -> TrackSpec:
    """Show which source the mask's alpha comes from, as shares of each bin's total."""
    height, color = _look("evidence", settings)
    shares = np.zeros((0, len(EVIDENCE_NAMES)))
    x = np.zeros(0, dtype=np.int64)
    if scene.posterior is not None and scene.posterior.evidence is not None:
        parts = np.maximum(
            bin_mean(scene.posterior.evidence, scene.interval.start, area, bin_bp), 0.0
        )
        total = parts.sum(axis=1, keepdims=True)
        shares = np.divide(parts, total, out=np.zeros_like(parts), where=total > 0)
        x = bin_edges(area, bin_bp)[:-1]
    return TrackSpec(
        key="evidence",
        title=ROW_TITLES["evidence"],
        kind="evidence",
        unit="share of α",
        height=height,
        color=color,
        data={
            "x": x,
            "width": bin_bp,
            "shares": shares,
            "names": list(EVIDENCE_NAMES),
            "colors": list(EVIDENCE_COLORS),
        },
        y_range=(0.0, 1.0),
        note="" if len(x) else scene.model_note,
    )


def _user(
    key: str,
    track: UserTrack,
    scene: Scene,
    area: Interval,
    bin_bp: int,
    settings: ViewSettings,
) -> TrackSpec:
    if track.values is not None:
        height, _ = _look(key, settings)
        return TrackSpec(
            key=key,
            title=track.name,
            kind="signal",
            unit=track.unit,
            height=height,
            color=settings.of(key).color or track.color,
            data=_binned(track.values, scene, area, bin_bp),
            scale=settings.of(key).scale or "linear",
        )
    if track.intervals is None:
        raise ValueError(f"user track {track.name!r} has neither values nor intervals")
    frame = _inside(track.intervals, area)
    color = settings.of(key).color or track.color
    count = len(frame)
    return _intervals(
        key,
        settings if settings.of(key).height else settings.with_track(key, height=26.0),
        frame["start"].to_numpy(),
        frame["end"].to_numpy(),
        [str(n) for n in frame["name"]] if "name" in frame else [track.name] * count,
        frame["score"].to_numpy(dtype=np.float64) if "score" in frame else np.zeros(count),
        [_span(a, b) for a, b in zip(frame["start"], frame["end"], strict=True)],
        color=[color] * count,
        title=track.name,
    )


def _top(values: NDArray[Any], ymax: str | float | None) -> float:
    """Return the top of an axis: the largest value, the 99th percentile, or a fixed number."""
    if isinstance(ymax, int | float):
        return float(ymax)
    if values.size == 0:
        return 0.0
    if ymax == "p99":
        return float(np.percentile(values, 99))
    return float(np.max(values))


def _raw_values(key: str, scene: Scene) -> NDArray[Any] | None:
    """Return the per-base values [L] behind a signal row."""
    if key.startswith("user:"):
        return scene.user_tracks[int(key.split(":")[1])].values
    channels = {"dnase": "DNase", "h3k27ac": "H3K27ac", "contact": "Hi-C"}
    return scene.window.signals[:, SIGNALS.index(channels[key])]


def _scaled(
    specs: list[TrackSpec], scene: Scene, viewport: Interval, settings: ViewSettings
) -> list[TrackSpec]:
    """Give every signal row its value axis; rows of a group share the largest top."""
    tops: dict[str, float] = {}
    for spec in specs:
        values = _raw_values(spec.key, scene) if spec.kind == "signal" else None
        if values is None:
            continue
        if settings.autoscale == "view":
            low = max(viewport.start - scene.interval.start, 0)
            values = values[low : max(viewport.end - scene.interval.start, low)]
        tops[spec.key] = _top(values, settings.of(spec.key).ymax)
    shared: dict[str, float] = {}
    for key, top in tops.items():
        group = settings.of(key).group
        if group:
            shared[group] = max(shared.get(group, 0.0), top)
    out = []
    for spec in specs:
        if spec.key in tops:
            top = shared.get(settings.of(spec.key).group, tops[spec.key])
            bottom = min(float(np.min(spec.data["min"], initial=0.0)), 0.0)
            # An all-zero row still needs an axis.
            spec = replace(spec, y_range=(bottom, top if top > bottom else bottom + 1.0))
        out.append(spec)
    return out

