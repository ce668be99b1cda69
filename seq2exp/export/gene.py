"""All that is taken away of one gene: what was read, what was predicted and what was found."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from seq2exp.analysis.answer import MERGE_GAP, MIN_LENGTH, answer, find_elements
from seq2exp.analysis.elements import Element, elements_frame
from seq2exp.analysis.plain import foreign_data
from seq2exp.datasets.catalog import Dataset
from seq2exp.files import digest
from seq2exp.genome.annotation import Gene
from seq2exp.genome.window import Window
from seq2exp.inference.perturb import Edit
from seq2exp.inference.predictor import MaskRule, Prediction, Predictor
from seq2exp.inference.progress import Progress, part_of
from seq2exp.model.beta import BetaPrior, MaskPosterior
from seq2exp.model.checkpoint import ModelEntry
from seq2exp.model.config import ModelConfig
from seq2exp.view.scene import Scene


@dataclass(frozen=True, eq=False)
class GeneResult:
    """One gene's result in one cell type.

    Attributes
    ----------
    window
        What the network read.
    prediction
        Expression, posterior (under the prior on show), mask and rule.
    elements
        The learned elements under that rule.
    model
        The network, with its card.
    min_length, merge_gap
        How `elements` were cut from the mask, in bp.
    peaks
        Peaks of the cell type on all chromosomes (narrowPeak columns, `summit` absolute); None
        where none were called.
    peaks_source
        Where the peaks come from.
    keep_promoter
        Whether the forced-open promoter counts as an element.
    edits
        What was edited in `window`, in its order; empty where it is as measured.
    """

    window: Window
    prediction: Prediction
    elements: tuple[Element, ...]
    model: ModelEntry
    min_length: int = MIN_LENGTH
    merge_gap: int = MERGE_GAP
    peaks: pd.DataFrame | None = None
    peaks_source: str = ""
    keep_promoter: bool = False
    edits: tuple[Edit, ...] = ()

    @property
    def gene(self) -> Gene:
        """The gene."""
        return self.window.gene

    @property
    def cell(self) -> str:
        """The cell type's name."""
        return self.window.cell

    @property
    def trained_prior(self) -> BetaPrior:
        """The prior that the model was trained with."""
        return ModelConfig.from_dict(self.model.card["config"]).prior

    @property
    def model_digest(self) -> str:
        """Sha256 (hex) of the model's weights."""
        return digest(self.model.path)

    @property
    def frame(self) -> pd.DataFrame:
        """The elements as `elements_frame` lays them out."""
        return elements_frame(self.elements)

    def describe_mask(self) -> str:
        """Say how the mask was made from its posterior."""
        rule = self.prediction.rule
        return {
            "soft": f"soft mask, elements from a mean of {rule.threshold:g}",
            "hard": f"hard mask, bases from a mean of {rule.threshold:g}",
            "top": f"mask of the top {100 * rule.fraction:g} % of the bases",
        }[rule.mode]

    def describe_rule(self) -> str:
        """Say how the mask was made, and how elements were cut from it."""
        return (
            f"{self.describe_mask()}; elements of {self.min_length:,} bp or more, gaps up to "
            f"{self.merge_gap:,} bp closed, promoter {'kept' if self.keep_promoter else 'left out'}"
        )

    def describe_prior(self) -> str:
        """Say which prior the mask stands under, and which it was trained with."""
        prior, trained = self.prediction.posterior.prior, self.trained_prior
        text = f"mean {prior.mean:.3g}, strength {prior.strength:.3g}"
        if abs(prior.a - trained.a) + abs(prior.b - trained.b) < 1e-9 * trained.strength:
            return f"{text}, as trained"
        return f"{text}; trained with mean {trained.mean:.3g}, strength {trained.strength:.3g}"

    def notes(self, simulated: bool) -> list[str]:
        """Return the sentences that must stand beside the numbers.

        Parameters
        ----------
        simulated
            Whether the data set is made up.
        """
        said = [*self.window.notes, *self.prediction.notes]
        if self.edits:
            made = ", ".join(edit.describe() for edit in self.edits)
            said.insert(0, f"The model read edited inputs, not the measured ones: {made}.")
        foreign = foreign_data(self.model.card, simulated)
        return [*filter(None, [foreign]), *said, *filter(None, [self.prediction.warning])]

    def answer(self, simulated: bool) -> dict[str, Any]:
        """Return `seq2exp.analysis.answer.answer` of this result."""
        return answer(
            self.window,
            self.prediction,
            list(self.elements),
            peaks=self.peaks,
            peaks_source=self.peaks_source,
            simulated=simulated,
        )


def gene_result(
    dataset: Dataset,
    gene: Gene | str,
    cell: str,
    predictor: Predictor,
    model: ModelEntry,
    *,
    rule: MaskRule | None = None,
    prior: BetaPrior | None = None,
    min_length: int = MIN_LENGTH,
    merge_gap: int = MERGE_GAP,
    peaks: pd.DataFrame | None = None,
    peaks_source: str = "",
    keep_promoter: bool = False,
    posterior_of: Callable[[Window, Progress | None], MaskPosterior] | None = None,
    progress: Progress | None = None,
) -> GeneResult:
    """Run the network for a gene and find its elements.

    Parameters
    ----------
    dataset, gene, cell
        Which window.
    predictor, model
        The network, loaded, and its entry.
    rule, prior
        See `Predictor.predict`.
    min_length, merge_gap, keep_promoter
        See `find_elements`.
    peaks, peaks_source
        Peaks of the cell type, and where they come from.
    posterior_of
        Finds a window's posterior under the prior of training; None: `Predictor.posterior`.
    progress
        Told of every layer; an exception it raises ends the work.

    Raises
    ------
    InputError
        As `Dataset.window` and `Predictor.predict`.
    """
    window = dataset.window(gene, cell)
    posterior = None if posterior_of is None else posterior_of(window, part_of(progress, 0.0, 0.5))
    rest = progress if posterior is None else part_of(progress, 0.5, 1.0)
    prediction = predictor.predict(window, rule, prior, posterior, rest)
    elements = find_elements(
        window,
        prediction.posterior,
        prediction.rule,
        dataset.lengths,
        min_length,
        merge_gap,
        keep_promoter,
    )
    return GeneResult(
        window=window,
        prediction=prediction,
        elements=tuple(elements),
        model=model,
        min_length=min_length,
        merge_gap=merge_gap,
        peaks=peaks,
        peaks_source=peaks_source,
        keep_promoter=keep_promoter,
    )


def scene_of(result: GeneResult, dataset: Dataset) -> Scene:
    """Return what the browser and the printed figure show of a result."""
    cell = dataset.cell(result.cell)
    prediction = result.prediction
    return Scene(
        window=result.window,
        genes=dataset.annotation.overlapping(result.window.interval),
        peaks=result.peaks,
        peaks_title="Imported peaks" if result.peaks_source.startswith("imported") else "",
        peaks_note=result.peaks_source if result.peaks is not None else "not called",
        posterior=prediction.posterior,
        mask=prediction.mask,
        rule=prediction.rule,
        elements=result.elements,
        prior_note=f"prior {result.describe_prior()}",
        crispr=cell.crispr,
        simulated=dataset.simulated,
        contact_matrix=None if cell.contact is None else cell.contact.matrix,
        edits=result.edits,
    )
