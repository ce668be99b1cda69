"""Rows of boxes: genes, peaks, elements, planted truth, tested elements, the user's intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seq2exp.datasets.truth import ROLES
from seq2exp.genome.annotation import Gene
from seq2exp.genome.locus import Interval, to_one_based
from seq2exp.view.scene import Scene, UserTrack
from seq2exp.view.tracks import (
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
#: Share of the window that one character of a gene's label takes at full width. Packing for the
#: full width keeps the lanes, and so the height of the row, the same at every zoom.
LABEL_SHARE = 1 / 90

#: Boxes that turned out not to matter.
DECOY = "#B3B3B3"


def look(key: str, settings: ViewSettings) -> tuple[float, str]:
    """Return height and colour of a row."""
    chosen = settings.of(key)
    base = key.split(":", maxsplit=1)[0]
    return chosen.height or ROW_HEIGHTS[base], chosen.color or PALETTE[base]


def genes(scene: Scene, settings: ViewSettings) -> TrackSpec:
    """Pack genes into lanes: the window's own gene first, then coding genes, then the others."""
    expand = settings.expand_genes
    label_bp = scene.interval.width * LABEL_SHARE * settings.font_size / 12

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
    _, color = look("genes", settings)
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


def boxes(
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
    """Return a row of boxes, packed into lanes; all sequences are [n]."""
    height, base_color = look(key, settings)
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


def inside(frame: pd.DataFrame, area: Interval) -> pd.DataFrame:
    """Return the rows of a table that touch an area, from left to right."""
    hit = (frame["start"] < area.end) & (frame["end"] > area.start)
    if "chrom" in frame:
        hit &= frame["chrom"] == area.chrom
    return frame[hit].sort_values(["start", "end"], kind="stable")


def records(frame: pd.DataFrame) -> Iterator[Any]:
    """Return a table's rows with its columns as attributes."""
    return frame.itertuples(index=False)


def span_text(start: int, end: int) -> str:
    """Write a 0-based half-open span as people read it."""
    return f"{to_one_based(start):,}-{end:,} ({end - start:,} bp)"


def peaks(scene: Scene, settings: ViewSettings) -> TrackSpec:
    """Show the called or imported peaks with their summits."""
    if scene.peaks is None:
        note = scene.peaks_note or "calling peaks…"
        return boxes("peaks", settings, [], [], [], [], [], note=note, title=scene.peaks_title)
    frame = inside(scene.peaks, scene.interval)
    hover = []
    for row in records(frame):
        parts = [span_text(row.start, row.end), f"signal {row.signal_value:.3g}"]
        if row.q_log10 >= 0:
            parts.append(f"−log10 q {row.q_log10:.3g}")
        hover.append(" · ".join(parts))
    return boxes(
        "peaks",
        settings,
        frame["start"].to_numpy(),
        frame["end"].to_numpy(),
        [str(name) for name in frame["name"]],
        frame["signal_value"].to_numpy(),
        hover,
        summit=frame["summit"].to_numpy(),
        note=scene.peaks_note or ("" if len(frame) else "no peaks"),
        title=scene.peaks_title,
    )


def elements(scene: Scene, settings: ViewSettings) -> TrackSpec:
    """Show the learned elements; a promoter that was asked for is paler than what was learned."""
    found = list(scene.elements)
    _, color = look("elements", settings)
    pale = "#8FD1BB"
    note = ""
    if scene.posterior is None:
        note = scene.model_note
    elif not scene.elements:
        note = "no element passes the threshold"
    return boxes(
        "elements",
        settings,
        [e.interval.start for e in found],
        [e.interval.end for e in found],
        [e.name for e in found],
        [e.mean_mask for e in found],
        [
            f"{span_text(e.interval.start, e.interval.end)} · {e.kind} · "
            f"mask mean {e.mean_mask:.2f}, max {e.max_mask:.2f}"
            for e in found
        ],
        summit=[e.summit for e in found],
        color=[pale if e.kind == "promoter" else color for e in found],
        note=note,
    )


def truth(scene: Scene, settings: ViewSettings) -> TrackSpec | None:
    """Show what the simulation planted: causal elements in colour, decoys grey."""
    if scene.truth is None:
        return None
    frame = inside(scene.truth, scene.interval)
    names = [str(n) for n in frame["name"]] if "name" in frame else ["planted"] * len(frame)
    hover = [span_text(a, b) for a, b in zip(frame["start"], frame["end"], strict=True)]
    colors, note = None, ""
    if "role" in frame:
        _, color = look("truth", settings)
        names = [ROLES.get(str(role), str(role)) for role in frame["role"]]
        colors = [color if role == "causal" else DECOY for role in frame["role"]]
        note = "causal for this gene in colour, decoys grey"
        if "effect" in frame:
            effects = [
                f"{100 * float(effect):.0f} % of its expression" for effect in frame["effect"]
            ]
            hover = [f"{h} · {e}" for h, e in zip(hover, effects, strict=True)]
    return boxes(
        "truth",
        settings,
        frame["start"].to_numpy(),
        frame["end"].to_numpy(),
        names,
        np.zeros(len(frame)),
        hover,
        color=colors,
        note=note if len(scene.truth) else "none planted",
    )


def crispr(scene: Scene, settings: ViewSettings) -> TrackSpec | None:
    """Show the pairs tested for this gene; significant loss of expression is filled in colour."""
    if scene.crispr is None:
        return None
    frame = scene.crispr
    gene = scene.gene
    mine = frame["gene_symbol"].astype(str).str.upper() == gene.name.upper()
    if "gene_id" in frame:
        mine |= frame["gene_id"].astype(str).str.split(".").str[0] == gene.id.split(".")[0]
    every = frame[mine]
    frame = inside(every, scene.interval)
    _, color = look("crispr", settings)
    hover = []
    for row in records(frame):
        effect = "effect not given" if pd.isna(row.effect) else f"effect {100 * row.effect:+.0f} %"
        p = "" if pd.isna(row.p_adjusted) else f" (adjusted p {row.p_adjusted:.2g})"
        regulates = "regulates" if bool(row.regulated) else "no effect found on"
        span = span_text(row.start, row.end)
        hover.append(f"{span} · {regulates} {row.gene_symbol} · {effect}{p}")
    return boxes(
        "crispr",
        settings,
        frame["start"].to_numpy(),
        frame["end"].to_numpy(),
        [f"{row.gene_symbol} {row.dataset}" for row in records(frame)],
        frame["effect"].to_numpy(dtype=np.float64),
        hover,
        color=[color if bool(r) else DECOY for r in frame["regulated"]],
        note=f"tested for {gene.name}: regulating in colour, others grey"
        if len(frame)
        else _none_tested(every, scene),
    )


def _none_tested(every: pd.DataFrame, scene: Scene) -> str:
    """Say that nothing in the window was tested for its gene, and where the nearest is that was."""
    said = f"no element in this window was tested for {scene.gene.name}"
    there = every[every["chrom"] == scene.interval.chrom]
    if there.empty:
        return said
    middles = (there["start"] + there["end"]) // 2
    nearest = (middles - scene.gene.tss).abs().min()
    return f"{said}; {len(there):,} beyond it, the nearest {nearest / 1000:,.0f} kb from the TSS"


def user(key: str, track: UserTrack, window: Interval, settings: ViewSettings) -> TrackSpec:
    """Show intervals the user added."""
    if track.intervals is None:
        raise ValueError(f"user track {track.name!r} has neither values nor intervals")
    frame = inside(track.intervals, window)
    color = settings.of(key).color or track.color
    count = len(frame)
    return boxes(
        key,
        settings if settings.of(key).height else settings.with_track(key, height=26.0),
        frame["start"].to_numpy(),
        frame["end"].to_numpy(),
        [str(n) for n in frame["name"]] if "name" in frame else [track.name] * count,
        frame["score"].to_numpy(dtype=np.float64) if "score" in frame else np.zeros(count),
        [span_text(a, b) for a, b in zip(frame["start"], frame["end"], strict=True)],
        color=[color] * count,
        title=track.name,
    )
