"""What is on show, for all that is taken away of it: names of files, what they say, the result."""

from dataclasses import dataclass, replace

import streamlit as st

from pages.parts.genome import Picture
from pages.parts.work import Mask
from seq2exp.datasets.catalog import Dataset
from seq2exp.export.gene import GeneResult
from seq2exp.export.hub_text import file_name
from seq2exp.genome.annotation import Gene
from seq2exp.genome.locus import Interval
from seq2exp.inference.predictor import MaskRule
from seq2exp.model.beta import BetaPrior
from seq2exp.model.checkpoint import ModelEntry
from seq2exp.tracks.peaks import PeakCaller, PeakParameters
from seq2exp.view.scene import Scene


@dataclass(frozen=True, eq=False)
class Shown:
    """What the Browser shows of a gene.

    Attributes
    ----------
    dataset, picture, mask
        The data, what the figure shows, and what the model says as far as it is known.
    entry, prior, rule, element_rule
        The model, and how its mask is asked to be read; None without a model.
    caller, parameters
        Of the peaks.
    """

    dataset: Dataset
    picture: Picture
    mask: Mask
    entry: ModelEntry | None
    prior: BetaPrior | None
    rule: MaskRule
    element_rule: tuple[int, int]
    caller: PeakCaller
    parameters: PeakParameters

    @property
    def scene(self) -> Scene:
        """The domain objects of the figure."""
        return self.picture.scene

    @property
    def gene(self) -> Gene:
        """The gene."""
        return self.scene.gene

    @property
    def cell(self) -> str:
        """The cell type's name."""
        return self.scene.window.cell

    @property
    def stem(self) -> str:
        """How the names of its files begin: gene and cell type."""
        return f"{file_name(self.gene.name)}_{file_name(self.cell)}"

    @property
    def title(self) -> str:
        """What a figure says above its rows."""
        return f"{self.gene.name} in {self.cell}"

    @property
    def footer(self) -> str:
        """What a figure says below its rows: data set, model, prior, edits."""
        model = "no model" if self.entry is None else self.entry.title
        text = f"{self.dataset.name}, {self.dataset.assembly}; {model}; {self.scene.prior_note}"
        if self.scene.edits:
            text += "; inputs edited: " + self._edits()
        return text

    @property
    def sentence(self) -> str:
        """What a file says of itself in one line."""
        simulated = "Simulated data. " if self.dataset.simulated else ""
        return f"{simulated}{self.title}: {self.footer}"

    def _edits(self) -> str:
        return ", ".join(edit.describe() for edit in self.scene.edits)

    @property
    def origin(self) -> dict[str, str]:
        """What tables say of the data, key by key."""
        kind = "simulated, nothing here was measured" if self.dataset.simulated else "measured"
        return {
            "data set": f"{self.dataset.name} ({kind})",
            "assembly": self.dataset.assembly,
            "gene": f"{self.gene.name} ({self.gene.id})",
            "cell type": self.cell,
        }

    @property
    def of_elements(self) -> dict[str, str]:
        """What the table of elements says of itself."""
        if self.entry is None or self.mask.rule is None or self.prior is None:
            return self.origin
        rule = self.mask.rule
        chosen = (
            f"the {rule.fraction:.2%} of the window's bases with the highest mask means"
            if rule.mode == "top"
            else f"bases with a mask mean of at least {rule.threshold:g}"
        )
        length, gap = self.element_rule
        found = {
            **self.origin,
            "model": f"{self.entry.title} ({self.entry.id})",
            "prior": self.scene.prior_note,
            "elements": f"{chosen}; {length:,} bp or more, gaps up to {gap:,} bp closed, "
            "promoter left out",
        }
        return found | ({"inputs edited": self._edits()} if self.scene.edits else {})

    @property
    def of_peaks(self) -> dict[str, str]:
        """What the table of peaks says of itself."""
        return {**self.origin, "peaks": self.caller.describe(self.parameters)}

    @property
    def highlights(self) -> list[Interval]:
        """The spans that are highlighted in the figure; the list grows while one looks at it."""
        return st.session_state.setdefault("highlights", [])

    def result(self) -> GeneResult | None:
        """Return the gene's result; None while the model or the peak caller runs."""
        mask, peaks = self.mask, self.scene.peaks
        if self.entry is None or mask.prediction is None or mask.rule is None or peaks is None:
            return None
        length, gap = self.element_rule
        return GeneResult(
            self.scene.window,
            # The expression under a soft mask is the same at every threshold; elements are not.
            replace(mask.prediction, rule=mask.rule),
            mask.elements,
            self.entry,
            min_length=length,
            merge_gap=gap,
            peaks=peaks,
            peaks_source=self.caller.describe(self.parameters),
            edits=tuple(self.scene.edits),
        )
