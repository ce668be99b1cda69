"""From a scene to rows: one small function a row, each binning only what the view needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2exp.genome.locus import Interval
from seq2exp.genome.window import SIGNALS
from seq2exp.view import row_boxes, row_experiments
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
)

#: The triangle is pooled to at most this many bins a side, evidence to this many bins a row.
TRIANGLE_BINS, EVIDENCE_BINS = 64, 500


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
        Bins cover the view and half a screen on either side, on absolute edges; boxes are those of
        the whole window.
    """
    area = padded(viewport, scene.interval)
    bin_bp = bin_size(area.width)
    signal = partial(_signal, scene=scene, area=area, bin_bp=bin_bp, settings=settings)
    builders: dict[str, Callable[[], TrackSpec | None]] = {
        "ruler": partial(_ruler, scene),
        "genes": partial(row_boxes.genes, scene, settings),
        "edits": partial(row_experiments.edits, scene, settings),
        "dnase": partial(signal, "dnase", SIGNALS.index("DNase"), "signal"),
        "h3k27ac": partial(signal, "h3k27ac", SIGNALS.index("H3K27ac"), "signal"),
        "contact": partial(signal, "contact", SIGNALS.index("Hi-C"), "log10(1 + contact)"),
        "triangle": partial(_triangle, scene, viewport, settings),
        "peaks": partial(row_boxes.peaks, scene, settings),
        "elements": partial(row_boxes.elements, scene, settings),
        "effects": partial(row_experiments.effects, scene, settings),
        "truth": partial(row_boxes.truth, scene, settings),
        "mask": partial(_mask, scene, viewport, area, bin_bp, settings),
        "seeds": partial(row_experiments.seeds, scene, area, bin_bp, settings),
        "evidence": partial(_evidence, scene, area, settings),
        "crispr": partial(row_boxes.crispr, scene, settings),
    }
    for index, track in enumerate(scene.user_tracks):
        builders[f"user:{index}"] = partial(
            _user, f"user:{index}", track, scene, area, bin_bp, settings
        )
    keys = [key for key in builders if settings.shows(key)]
    specs = [builders[key]() for key in settings.arrange(keys)]
    return _scaled([spec for spec in specs if spec is not None], scene, viewport, settings)


def _ruler(scene: Scene) -> TrackSpec:
    data = {"tss": scene.gene.tss, "strand": scene.gene.strand, "gene": scene.gene.name}
    return TrackSpec(
        "ruler", scene.interval.chrom, "ruler", "bp", ROW_HEIGHTS["ruler"], PALETTE["ruler"], data
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
    height, color = row_boxes.look(key, settings)
    data = _binned(values, scene, area, bin_bp)
    if scene.unedited is not None:
        before = scene.unedited.signals[:, channel]
        data |= _before(before, values, scene, area, bin_bp)
    return TrackSpec(
        key=key,
        title=ROW_TITLES[key],
        kind="signal",
        unit=unit,
        height=height,
        color=color,
        data=data,
        scale=settings.of(key).scale or "linear",
        note=scene.window.contact_source if key == "contact" else "",
    )


def _binned(values: NDArray[Any], scene: Scene, area: Interval, bin_bp: int) -> dict[str, Any]:
    x, low, mean, high = bin_values(values, scene.interval.start, area, bin_bp)
    return {"x": x, "width": bin_bp, "min": low, "mean": mean, "max": high}


def _before(
    before: NDArray[Any], now: NDArray[Any], scene: Scene, area: Interval, bin_bp: int
) -> dict[str, Any]:
    """Return the bins' means without the user's edits, NaN where nothing differs."""
    means = bin_mean(before, scene.interval.start, area, bin_bp)
    differs = bin_mean(before != now, scene.interval.start, area, bin_bp) > 0
    return {"before": np.where(differs, means, np.nan)} if differs.any() else {}


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
    height, color = row_boxes.look("triangle", settings)
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
    height, color = row_boxes.look("mask", settings)
    letters = viewport.width < settings.letters_below
    posterior = scene.posterior
    parts = {"band": "90 % credible band", "promoter": scene.promoter, "closed": scene.closed}
    data: dict[str, Any]
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
        return base(kind="mask", unit="mean, 90 % band", data=data | parts, note=scene.model_note)
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
    if scene.unedited_posterior is not None:
        before = scene.unedited_posterior.edit(scene.unedited_posterior.mean)
        data |= _before(before, shown, scene, area, bin_bp)
    if letters:
        first = int(data["x"][0]) - origin
        codes = scene.window.codes[first : first + len(data["x"])]
        data["base"] = ["ACGTN"[code] for code in codes]
        data["height"] = data["mean"]
        return base(kind="letters", unit="mean, 90 % band", data=data, note=scene.prior_note)
    return base(kind="mask", unit="mean, 90 % band", data=data, note=scene.prior_note)


def _evidence(scene: Scene, area: Interval, settings: ViewSettings) -> TrackSpec:
    """Show which source the mask's alpha comes from, as shares of each bin's total.

    The shares vary slowly against the noise from base to base, and four stacked areas are the
    slowest thing on the page to draw, so their bins are coarser than the others'.
    """
    height, color = row_boxes.look("evidence", settings)
    bin_bp = bin_size(area.width, EVIDENCE_BINS)
    shares = np.zeros((0, len(EVIDENCE_NAMES)))
    x = np.zeros(0, dtype=np.int64)
    if scene.posterior is not None:
        parts = bin_mean(scene.posterior.evidence, scene.interval.start, area, bin_bp)
        parts = np.maximum(parts, 0.0)
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
        height, _ = row_boxes.look(key, settings)
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
    return row_boxes.user(key, track, scene.interval, settings)


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
    """Return the per-base values [L] behind a signal row, the higher ones where edits changed it.

    So the axis stays as it was where a peak is taken away.
    """
    if key.startswith("user:"):
        return scene.user_tracks[int(key.split(":")[1])].values
    channels = {"dnase": "DNase", "h3k27ac": "H3K27ac", "contact": "Hi-C"}
    channel = SIGNALS.index(channels[key])
    values = scene.window.signals[:, channel]
    if scene.unedited is None:
        return values
    return np.maximum(values, scene.unedited.signals[:, channel])


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
