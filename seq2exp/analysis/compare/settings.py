"""How learned elements are called and compared."""

from dataclasses import dataclass

from seq2exp.analysis.answer import MERGE_GAP, MIN_LENGTH
from seq2exp.analysis.compare.counts import ANY, Minimum
from seq2exp.analysis.compare.shuffles import Scope
from seq2exp.analysis.compare.sweeps import RuleSeries
from seq2exp.errors import InputError


@dataclass(frozen=True)
class Settings:
    """Everything that a comparison can be told, but which sets.

    Attributes
    ----------
    min_length, merge_gap
        Of learned elements, in bp; see `seq2exp.analysis.elements.call_elements`.
    minimum
        The smallest overlap that counts.
    keep_promoter
        Whether the forced-open promoter counts: as a learned element, and among the counted bases.
    rules
        The mask's thresholds to sweep; None: no sweep.
    shuffles
        How often intervals are thrown at random; 0: never.
    within
        Where to: the gene's window or its whole chromosome.
    seed
        Of the shuffles, 0 or more. A gene's draws depend on it and the gene alone, not on the other
        genes.
    """

    min_length: int = MIN_LENGTH
    merge_gap: int = MERGE_GAP
    minimum: Minimum = ANY
    keep_promoter: bool = False
    rules: RuleSeries | None = None
    shuffles: int = 0
    within: Scope = "window"
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what no comparison can follow."""
        if self.min_length < 1 or self.merge_gap < 0:
            raise InputError("Elements need a length of 1 bp or more and gaps of 0 bp or more.")
        if self.shuffles == 1 or self.shuffles < 0:
            raise InputError(
                f"{self.shuffles} shuffles say nothing; give 2 or more, or 0 for none."
            )
        if self.seed < 0:
            raise InputError(f"The seed {self.seed} is not possible; give 0 or more.")
