"""The one-page report of a gene for a lab notebook."""

from pathlib import Path

from pages.parts import resources
from pages.parts.controls import trained_prior
from pages.parts.genome import camera
from pages.parts.take_files import file_button
from pages.parts.take_shown import Shown
from seq2exp.cli import groups
from seq2exp.cli.question import Question
from seq2exp.cli.takeaway import report_command
from seq2exp.export.figure import FigureOptions
from seq2exp.export.report import report
from seq2exp.model.checkpoint import ModelEntry
from seq2exp.view.paper.highlights import Highlight


def report_button(shown: Shown) -> None:
    """Offer the report; it has the figure of the part on screen."""
    result, picture = shown.result(), shown.picture
    # The command line has no edits, so there it would be another result.
    entry = shown.entry
    command = "" if entry is None or shown.scene.edits else _command(shown, entry)
    looking, spans, dataset = camera(), shown.highlights, shown.dataset

    def make() -> str:
        assert result is not None
        return report(
            result,
            dataset,
            region=looking.on(picture.window),
            options=FigureOptions(highlights=tuple(Highlight(span) for span in spans)),
            scene=picture.scene,
            settings=picture.settings,
            command=command,
        )

    file_button(
        "Report (HTML)",
        f"{shown.stem}.report.html",
        make,
        result is None,
        "Figure, readout, elements, parameters, digests and versions, in one file that needs "
        "nothing else."
        + ("" if result is not None else " It waits for mask, expression and peaks."),
    )


def _command(shown: Shown, entry: ModelEntry) -> str:
    """Return the command that makes the same report, with the usual figure."""
    asked, own = resources.arguments(), resources.store_of_opened()
    dataset, root = asked.dataset, Path(asked.root) if asked.root else None
    if own.path.is_file():
        dataset, root = str(own.path), None
    prior, rule = shown.prior, shown.rule
    tilted = prior is not None and prior != trained_prior(entry)
    top = rule.mode == "top"
    question = Question(
        groups.Genes(),
        groups.Data(dataset, root, shown.cell),
        groups.Mask(
            model=entry.id,
            prior=prior.mean if tilted else None,
            strength=prior.strength if tilted else None,
            mode=rule.mode,
            threshold=None if top else rule.threshold,
            fraction=rule.fraction if top else groups.Mask.fraction,
        ),
        groups.Elements(*shown.element_rule),
        groups.WithPeaks(q=shown.parameters.q, cutoff=shown.parameters.cutoff),
    )
    return report_command(question, shown.gene)
