"""Everything one view of the browser shows, as domain objects, before anything is binned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seq2exp.analysis.elements import Element, Rule, runs
from seq2exp.genome.annotation import Gene
from seq2exp.genome.locus import Interval
from seq2exp.genome.window import Window

if TYPE_CHECKING:
    from seq2exp.inference.perturb import Edit
    from seq2exp.model.beta import MaskPosterior

#: Reads the contact counts of an interval: symmetric matrix [n, n] and the starts of its bins [n].
MatrixProvider = Callable[[Interval], tuple[NDArray[np.floating], NDArray[np.integer]]]


@dataclass(frozen=True, eq=False)
class UserTrack:
    """A row the user added: per-base values or intervals.

    Attributes
    ----------
    name : str
        Title of the row.
    values : numpy.ndarray of float [L] or None
        One value a base of the window, for a signal.
    intervals : pandas.DataFrame or None
        Columns chrom, start, end (0-based half-open) and optionally name and score.
    unit : str
    color : str
        ``#RRGGBB``.
    """

    name: str
    values: NDArray[np.floating] | None = None
    intervals: pd.DataFrame | None = None
    unit: str = ""
    color: str = "#4D4D4D"


@dataclass(frozen=True, eq=False)
class Scene:
    """What is on show for one gene in one cell type. L is the window's length in bp.

    Attributes
    ----------
    window : Window
        Sequence, signals, blacklist and padding around the TSS.
    genes : sequence of Gene
        Genes that touch the window.
    peaks : pandas.DataFrame or None
        MACS3 peaks (narrowPeak columns, ``summit`` absolute); None while they are being called.
    peaks_title : str
        What the row is called; empty: "MACS3 peaks".
    peaks_note : str
        Parameters of the call, or what is going on.
    posterior : MaskPosterior or None
        The learned mask under the prior on show; None while the model runs or without a model.
    mask : numpy.ndarray of float32 [L] or None
        The mask that the prediction on show used.
    rule : Rule or None
        Soft, hard or top-k, with its threshold or fraction.
    elements : sequence of Element
    model_note : str
        What to say in the model's rows while there is no mask.
    prior_note : str
        The prior on show, and the one the model was trained with.
    crispr : pandas.DataFrame or None
        CRISPRi-tested elements, see ``seq2exp.tracks.crispr``.
    truth : pandas.DataFrame or None
        Planted elements of simulated data: chrom, start, end and optionally name, or role and
        effect (see ``seq2exp.datasets.truth``).
    user_tracks : sequence of UserTrack
    simulated : bool
        Whether the data are simulated; said wherever they are shown.
    contact_matrix : callable or None
        Reads the contact map for the triangle; None where there is none.
    edits : sequence of Edit
        What was edited in `window`, which holds the edited values.
    unedited : Window or None
        The window as it was measured; None where nothing was edited.
    unedited_posterior : MaskPosterior or None
        The mask of `unedited`, under the prior on show.
    effects : pandas.DataFrame or None
        What deletions do, see ``seq2exp.analysis.deletion.Deletions.frame``; None: no such row.
    effects_note : str
        What is being deleted, while nothing is known.
    seeds : sequence of MaskPosterior
        Masks of models that differ from the one on show in nothing but their seed.
    seeds_note : str
        Which models these are, or what is going on.
    """

    window: Window
    genes: Sequence[Gene] = ()
    peaks: pd.DataFrame | None = None
    peaks_title: str = ""
    peaks_note: str = ""
    posterior: MaskPosterior | None = None
    mask: NDArray[np.float32] | None = None
    rule: Rule | None = None
    elements: Sequence[Element] = ()
    model_note: str = ""
    prior_note: str = ""
    crispr: pd.DataFrame | None = None
    truth: pd.DataFrame | None = None
    user_tracks: Sequence[UserTrack] = ()
    simulated: bool = False
    contact_matrix: MatrixProvider | None = None
    edits: Sequence[Edit] = ()
    unedited: Window | None = None
    unedited_posterior: MaskPosterior | None = None
    effects: pd.DataFrame | None = None
    effects_note: str = ""
    seeds: Sequence[MaskPosterior] = ()
    seeds_note: str = ""

    @property
    def gene(self) -> Gene:
        """The gene whose window this is."""
        return self.window.gene

    @property
    def interval(self) -> Interval:
        """The window, 0-based half-open, unclipped."""
        return self.window.interval

    @property
    def promoter(self) -> tuple[int, int]:
        """The forced-open promoter as genome positions, 0-based half-open."""
        part = self.window.promoter
        origin = self.interval.start
        return origin + part.start, origin + part.stop

    @property
    def closed(self) -> list[tuple[int, int]]:
        """The blacklisted stretches as genome positions, 0-based half-open."""
        origin = self.interval.start
        return [(origin + int(a), origin + int(b)) for a, b in runs(self.window.blacklist)]
