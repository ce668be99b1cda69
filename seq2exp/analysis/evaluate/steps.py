"""The steps of one evaluation: signals first, then model after model, then models together."""

import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from seq2exp.analysis.evaluate.crispri import crispri_rows
from seq2exp.analysis.evaluate.deletions import deletion_rows
from seq2exp.analysis.evaluate.fit import fit_rows, predictions
from seq2exp.analysis.evaluate.folder import Found
from seq2exp.analysis.evaluate.metrics import Floats, gene_weights
from seq2exp.analysis.evaluate.options import Options
from seq2exp.analysis.evaluate.outputs import Masks, Network, run, run_masks
from seq2exp.analysis.evaluate.planted import Planted
from seq2exp.analysis.evaluate.priors import Trained, sweep_rows
from seq2exp.analysis.evaluate.scores import (
    Score,
    call_all_peaks,
    default_peaks,
    mask_scores,
    peak_scores,
    signal_only_score,
    signal_scores,
)
from seq2exp.analysis.evaluate.truth import TOP, Judge, Tell, called_share, width_windows
from seq2exp.datasets.catalog import Dataset
from seq2exp.datasets.truth import PlantedTruth
from seq2exp.errors import InputError
from seq2exp.inference.predictor import Predictor
from seq2exp.tracks.peaks import PeakParameters
from seq2exp.training.examples import Examples, Progress, examples


class Steps:
    """One evaluation: what the steps share, and the steps.

    Attributes
    ----------
    found : the rows so far.
    judging : judges scores against planted truth; None where nothing is planted.
    macs3_ratio : the share of counted bases in MACS3's peaks at its default.
    seconds : by model id (and "signals" and "together"), of "network" and of "scoring".
    """

    def __init__(
        self,
        dataset: Dataset,
        cells: Sequence[str],
        whole: Examples,
        options: Options,
        device: torch.device,
        scratch: Path,
        found: Found,
        progress: Progress | None,
    ) -> None:
        self.dataset, self.cells, self.examples = dataset, cells, whole
        self.options, self.device, self.scratch = options, device, scratch
        self.found, self.progress = found, progress
        genes = len({example.gene for example in whole.table})
        self.weights: Floats = gene_weights(genes, options.replicates, options.seed)
        self.tested = [name for name in cells if dataset.cell(name).crispr_path is not None]
        self.has_truth = bool(PlantedTruth(dataset))
        self.seconds: dict[str, dict[str, float]] = {}
        self.peaks: dict[str, dict[str, pd.DataFrame]] = {}
        if self.has_truth or self.tested:
            self.peaks = call_all_peaks(dataset, cells, progress)
        self.validation = self._validation() if self.has_truth else None
        self.judging: Judge | None = None
        self.macs3_ratio = 0.0
        self._signal_only: dict[bytes, list[dict[str, Any]]] = {}

    def _validation(self) -> Examples | None:
        """Return the examples that smoothing is chosen on; None where there are none."""
        options = self.options
        if "validation" not in self.dataset.splits:
            self.found.notes.append(
                "The data set names no validation chromosomes: running means have a fixed width."
            )
            return None
        if options.split == "validation":
            self.found.notes.append("Running means were chosen on the split they are judged on.")
            return self.examples
        return examples(self.dataset, "validation", self.cells, options.length, self.progress)

    def _tell(self, stage: str) -> Tell:
        def tell(fraction: float) -> None:
            if self.progress:
                self.progress(fraction, f"{stage}: {fraction:.0%} done")

        return tell

    @contextmanager
    def _clock(self, what: str, part: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        spent = self.seconds.setdefault(what, {"network": 0.0, "scoring": 0.0})
        spent[part] = round(spent[part] + time.perf_counter() - begun, 2)

    # ---- without a model -------------------------------------------------------------------------

    def judge_signals(self) -> None:
        """Judge peaks and raw signals against what is planted."""
        if not self.has_truth:
            return
        with self._clock("signals", "scoring"):
            planted = Planted(self.dataset, self.examples)
            scores = self._of_the_signals(self.examples)
            default = f"MACS3 q {PeakParameters().q:g}"
            macs3 = [score for score in scores if score.name in (default, "MACS3 on the signal")]
            self.macs3_ratio = called_share(macs3[0], planted)
            held_out = self.validation
            self.judging = Judge(
                planted,
                None if held_out is None else Planted(self.dataset, held_out, planted),
                self.options.split,
                tuple(share for share in (self.macs3_ratio, TOP) if share > 0),
                self.weights,
            )
            on_validation = None if held_out is None else self._of_the_signals(held_out)
            self.found.truth += self._judged(scores, on_validation, "Scoring signals and peaks")

    def _of_the_signals(self, given: Examples) -> list[Score]:
        return [*signal_scores(given), *peak_scores(given, self.peaks)]

    def _judged(
        self, scores: list[Score], on_validation: list[Score] | None, stage: str
    ) -> list[dict[str, Any]]:
        assert self.judging is not None
        tell = self._tell(stage)
        rows = []
        for i, score in enumerate(scores):
            rows += self.judging.rows(
                score,
                None if on_validation is None else on_validation[i],
                lambda done, i=i: tell((i + done) / len(scores)),  # type: ignore[misc]
            )
        return rows

    # ---- one model -------------------------------------------------------------------------------

    def judge(self, network: Network, keep: bool) -> Masks | None:
        """Run a network at its own window and at the shorter ones; judge fit and mask.

        Returns its masks where they are to be kept for a comparison.
        """
        options = self.options
        own = min(network.window, self.examples.length)
        masked = network.has_mask and own == self.examples.length
        wanted = masked and (keep or self.judging is not None)
        if network.has_mask and self.judging is not None and not masked:
            self.found.notes.append(
                f"The mask of {network.title} is not judged: its window has {own:,} bp, not "
                f"{self.examples.length:,}."
            )
        folder = Path(tempfile.mkdtemp(dir=self.scratch))  # an id may be any text
        with network.on(self.device, options.scan):
            with self._clock(network.id, "network"):
                outputs = run(
                    network,
                    self.examples,
                    folder=folder / "masks" if wanted else None,
                    device=self.device,
                    stage=f"Running {network.id}",
                    progress=self.progress,
                )
            rows = predictions(network, outputs, self.examples, options.split)
            self.found.predictions.append(rows)
            with self._clock(network.id, "scoring"):
                self.found.fit += fit_rows(rows, own, self.weights)
            for cut in sorted(cut for cut in options.cuts if cut < own):
                self._cut(network, cut)
            masks = outputs.masks
            if masks is not None and self.judging is not None:
                self._judge_mask(network, masks, folder / "validation")
        # They take 8 bytes a base: those of dozens of models would fill a disk.
        shutil.rmtree(folder / "validation" if keep else folder, ignore_errors=True)
        return masks if keep else None

    def _cut(self, network: Network, window: int) -> None:
        """Run a network on the central bases of the windows alone."""
        stage = f"Running {network.id} on {window:,} bp"
        try:
            with self._clock(network.id, "network"):
                outputs = run(
                    network,
                    self.examples,
                    window=window,
                    device=self.device,
                    stage=stage,
                    progress=self.progress,
                )
        except InputError as error:
            self.found.notes.append(f"{network.title} was not cut to {window:,} bp: {error}")
            return
        rows = predictions(network, outputs, self.examples, self.options.split)
        self.found.fit += fit_rows(rows, window, self.weights)

    def _judge_mask(self, network: Network, masks: Masks, folder: Path) -> None:
        on_validation: list[Score] | None = None
        if self.validation is not None:
            other = masks
            if self.validation is not self.examples:
                with self._clock(network.id, "network"):
                    other = run_masks(
                        network,
                        self.validation,
                        width_windows(len(self.validation)),
                        folder=folder,
                        device=self.device,
                        stage=f"Running {network.id} on validation",
                        progress=self.progress,
                    )
            on_validation = mask_scores(network, other)
        with self._clock(network.id, "scoring"):
            stage = f"Scoring {network.id}"
            self.found.truth += self._judged(mask_scores(network, masks), on_validation, stage)
            self.found.truth += self._judge_signal_only(network)

    def _judge_signal_only(self, network: Network) -> list[dict[str, Any]]:
        """Judge what the signals alone make of a mask; once for all networks of equal constants."""
        score = signal_only_score(network, self.examples)
        key = score.values(0).tobytes()  # what the constants make of a window tells them apart
        if key not in self._signal_only:
            held_out = self.validation
            other = None if held_out is None else [signal_only_score(network, held_out)]
            stage = f"Scoring {network.id}, signals only"
            self._signal_only[key] = self._judged([score], other, stage)
        return [{**row, **score.label} for row in self._signal_only[key]]

    # ---- several models --------------------------------------------------------------------------

    def sweep(self, group: Sequence[Trained]) -> None:
        """Compare tilted masks with those trained at the other priors."""
        if len(group) > 1:
            with self._clock("together", "scoring"):
                self.found.priors += sweep_rows(
                    group,
                    self.dataset,
                    self.examples,
                    None if self.judging is None else self.judging.planted,
                    self.options.split,
                    self._tell(f"Tilting {', '.join(trained.network.id for trained in group)}"),
                )

    def deletions(self, networks: Sequence[Network]) -> None:
        """Delete the planted elements of some examples, by every network with a mask."""
        if not self.options.deletions or self.judging is None:
            return
        some = Planted(
            self.dataset, self.examples.spread(self.options.deletions), self.judging.planted
        )
        for network in networks:
            if network.has_mask and network.window >= self.examples.length:
                with self._clock("together", "network"):
                    self.found.deletions += deletion_rows(
                        Predictor(network.path, str(self.device), self.options.scan),
                        self.dataset,
                        some,
                        network.label,
                        replicates=self.options.replicates,
                        seed=self.options.seed,
                        progress=self._tell(f"Deleting planted elements, {network.id}"),
                    )

    def crispri(self, networks: Sequence[Network]) -> None:
        """Judge element-gene scores against CRISPRi, in the cell types that have it."""
        for cell in self.tested:
            predictors = {
                network.id: (
                    network.label,
                    Predictor(network.path, str(self.device), self.options.scan),
                )
                for network in networks
                if network.has_mask
            }
            with self._clock("together", "network"):
                self.found.crispri += crispri_rows(
                    self.dataset,
                    cell,
                    predictors,
                    default_peaks(self.peaks, cell),
                    replicates=self.options.replicates,
                    seed=self.options.seed,
                    progress=self._tell(f"Deleting CRISPRi-tested elements in {cell}"),
                )
