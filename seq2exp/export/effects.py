"""Effects of intervals to take away: bedGraph for genome browsers, BED for tables of places."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from seq2exp.export.bed import track_line, write_bed9
from seq2exp.view.tracks import GAIN_COLOR, PALETTE


def effects_bedgraph(
    frame: pd.DataFrame,
    lengths: Mapping[str, int],
    name: str,
    description: str = "",
) -> str:
    """Return effects as bedGraph text with a track line.

    A bedGraph has one value a base. Where intervals overlap, that is the effect farthest from 0.

    Parameters
    ----------
    frame
        chrom, start, end (0-based half-open) and delta; rows whose delta is not known are left out.
    lengths
        Chromosome lengths in bp; what hangs over a chromosome's ends is cut off.
    name, description
        Labels of the track line.
    """
    lines = [track_line(name, description, type="bedGraph")]
    known = frame[frame["delta"].notna()]
    for chrom, rows in known.groupby("chrom", sort=True):
        starts = rows["start"].to_numpy(np.int64).clip(0, lengths[str(chrom)])
        ends = rows["end"].to_numpy(np.int64).clip(0, lengths[str(chrom)])
        values = rows["delta"].to_numpy(np.float64)
        edges = np.unique(np.concatenate([starts, ends]))
        found = np.full(len(edges) - 1, np.nan)
        spans = np.searchsorted(edges, np.stack([starts, ends], axis=1))
        for i in np.argsort(np.abs(values), kind="stable"):
            found[slice(*spans[i])] = values[i]
        if not len(found):
            continue
        # Stretches that the same value was put on are one line.
        first = np.flatnonzero(np.r_[True, found[1:] != found[:-1]])
        last = np.append(first[1:], len(found))
        lines += [
            f"{chrom}\t{edges[a]}\t{edges[b]}\t{found[a]:.6g}\n"
            for a, b in zip(first, last, strict=True)
            if not np.isnan(found[a])
        ]
    return "".join(lines)


def effects_bed(
    frame: pd.DataFrame, lengths: Mapping[str, int], name: str, description: str = ""
) -> str:
    """Return deleted intervals as BED9 text, coloured by the sign of their effects.

    Parameters
    ----------
    frame
        chrom, start, end (0-based half-open), name and delta. The score is 1000 times the share
        that the effect's size has of the largest one's.
    lengths, name, description
        As in `effects_bedgraph`.
    """
    size = frame["delta"].abs()
    most = float(size.max()) if len(size) else 0.0
    scored = frame.assign(
        score=1000 * size / most if most > 0 else 0.0,
        color=[PALETTE["effects"] if delta < 0 else GAIN_COLOR for delta in frame["delta"]],
    )
    return write_bed9(scored, name, description, lengths=lengths)
