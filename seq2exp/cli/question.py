"""The question that figures, hubs and reports answer: which genes, in which data, read how."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seq2exp.cli.common import progress, to_json, write
from seq2exp.cli.groups import Data, Elements, Genes, Group, Mask, WithPeaks

if TYPE_CHECKING:
    from seq2exp.datasets.catalog import Cell, Dataset
    from seq2exp.export.gene import GeneResult
    from seq2exp.genome.annotation import Gene


@dataclass(frozen=True)
class Question(Group):
    """What was asked for on the command line."""

    genes: Genes
    data: Data
    mask: Mask
    elements: Elements
    peaks: WithPeaks

    def open(self) -> "Opened":
        """Open the data set and find the genes.

        Raises
        ------
        InputError
            For an unknown gene or cell type, an empty list, or numbers out of range.
        """
        from seq2exp.analysis.compare.genes import find_genes

        self.elements.check()
        names = self.genes.names
        dataset, cell = self.data.open()
        return Opened(self, dataset, cell, find_genes(dataset, names))


@dataclass(frozen=True, eq=False)
class Opened:
    """A question with its data set open and its genes found."""

    question: Question
    dataset: "Dataset"
    cell: "Cell"
    genes: "list[Gene]"

    def results(self) -> "Iterator[GeneResult]":
        """Run the model for one gene after the other, telling on a terminal how far it is."""
        from seq2exp.export.gene import gene_result
        from seq2exp.inference.models import find_model
        from seq2exp.model.checkpoint import ModelEntry

        asked = self.question
        read, elements, peaks = asked.mask.open(), asked.elements, asked.peaks
        predictor = read.predictor
        entry = ModelEntry(predictor.model_id, find_model(asked.mask.model), predictor.card)
        with progress() as report:
            called, source = None, ""
            if peaks.peaks:
                caller, parameters = peaks.open(self.dataset, self.cell)
                called, source = caller.peaks(parameters, report), caller.describe(parameters)
            for number, gene in enumerate(self.genes, 1):
                report(
                    (number - 1) / len(self.genes), f"{gene.name}: {number} of {len(self.genes)}"
                )
                yield gene_result(
                    self.dataset,
                    gene,
                    self.cell.name,
                    predictor,
                    entry,
                    rule=read.rule,
                    prior=read.prior,
                    min_length=elements.min_length,
                    merge_gap=elements.merge_gap,
                    keep_promoter=elements.keep_promoter,
                    peaks=called,
                    peaks_source=source,
                )

    def say(self, json_file: str | None, rows: list[dict[str, Any]], **more: Any) -> None:
        """Say what was written: as JSON, or its paths one a line.

        Parameters
        ----------
        json_file
            Where to; None: paths on stdout.
        rows
            One for each gene, see `facts`, with the "path" written.
        more
            Further keys of the JSON.
        """
        if json_file is None:
            print(*dict.fromkeys(row["path"] for row in rows), sep="\n", flush=True)
            return
        about = {
            "dataset": self.dataset.name,
            "assembly": self.dataset.assembly,
            "simulated": self.dataset.simulated,
            "cell": self.cell.name,
        }
        write(to_json({**about, **more, "genes": rows}), json_file)
        sys.stdout.flush()

    def facts(self, result: "GeneResult", path: Path) -> dict[str, Any]:
        """Return what JSON says of a gene and of the file written for it."""
        keys = ("gene", "gene_id", "region", "model", "expression", "mask", "peaks")
        found = result.answer(self.dataset.simulated)
        notes = result.notes(self.dataset.simulated)
        shown = {key: found[key] for key in keys}
        return {**shown, "elements": len(result.elements), "notes": notes, "path": str(path)}
