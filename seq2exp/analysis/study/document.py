"""A study's report in Markdown, made from its plan and a folder of results alone."""

from pathlib import Path

from seq2exp.analysis.evaluate.tables import (
    crispri_tables,
    deletions_table,
    markdown,
    number,
    truth_tables,
)
from seq2exp.analysis.result_tables import interval
from seq2exp.analysis.study import sections, trained
from seq2exp.analysis.study.contents import Contents
from seq2exp.analysis.study.gradients import gradient_rows
from seq2exp.analysis.study.plan import Plan, Run
from seq2exp.analysis.study.targets import COUPLED, TARGETS, Given, Outcome, Target, outcome
from seq2exp.errors import InputError


def report(plan: Plan, folder: Path, command: str = "") -> str:
    """Return the report on a study.

    Parameters
    ----------
    plan : what was to be done.
    folder : what came of it, from `evaluate_runs`.
    command : what made this report.

    Raises
    ------
    InputError
        There is no such folder, or a file in it that cannot be read.
    """
    study = Contents.load(plan, folder)
    if not study.cards:
        missing, fill = ("no cards of", "collect") if study.results else ("nothing of", "evaluate")
        raise InputError(
            f"{folder} holds {missing} the study {plan.path}: fill it with 'seq2exp study {fill} "
            "--runs …'."
        )
    made = f"Made by `{command}`; do not edit.\n\n" if command else ""
    parts = [f"# {plan.title}\n\n{made}{plan.about}".rstrip() + "\n\n"]
    parts.append(_section("What was evaluated, on what", sections.setting(study)))
    parts.append(_section("Targets", _targets(study)))
    parts.append(_section("What was trained", trained.training(study)))
    parts.append(_section("Prediction", sections.prediction(study)))
    parts.append(_section("Shorter windows", sections.windows(study)))
    systems = study.runs("system")
    truth = study.table("truth", systems)
    if truth is not None:
        parts.append(_section("Against planted truth", truth_tables(truth, study.split)))
    deletions = study.table("deletions", systems)
    if deletions is not None:
        parts.append(_section("In-silico deletion", deletions_table(deletions)))
    crispri = study.table("crispri", systems)
    if crispri is not None:
        parts.append(_section("CRISPRi", crispri_tables(crispri)))
    parts.append(_section("What moved the masks", _gradients(study)))
    parts.append(_section("Ablations", trained.ablations(study)))
    parts.append(_section("Priors", sections.priors(study)))
    parts.append(_section("What was tried and did not work", _notes(plan)))
    parts.append(_section("Not run", sections.missing(study)))
    return "".join(parts).rstrip() + "\n"


def _section(title: str, text: str) -> str:
    return f"## {title}\n\n{text.rstrip()}\n\n" if text.strip() else ""


def _targets(study: Contents) -> str:
    """Return the targets' table."""
    runs = study.runs("system")
    ours = [run for run in runs if run.model == COUPLED]
    if not ours or study.resamples is None:
        return "No coupled model was evaluated, so none of its targets is known.\n"
    others: dict[str, list[Run]] = {}
    for run in runs:
        others.setdefault(run.model, []).append(run)
    given = Given(study.resamples, others, study.about.get("macs3_ratio"))
    rows = []
    for target in TARGETS:
        each = {f"Seed {run.seed}": outcome(target, given, [run]) for run in ours}
        every = outcome(target, given, ours)
        rows.append(
            {
                "Target": ("Stretch: " if target.stretch else "") + target.text,
                "Needed": target.needed,
                **{name: _brief(found) for name, found in each.items()},
                "Mean of seeds": (
                    "" if every is None else interval(every.value, every.low, every.high)
                ),
                "Verdict": _verdict(target, every, list(each.values())),
            }
        )
    return (
        "Of Seq2Exp-coupled, with the mask's mean as a score of bases. Brackets: 95 % intervals "
        "over genes, of differences paired; the spread over seeds is that of the columns.\n\n"
        + markdown(rows)
    )


def _brief(found: Outcome | None) -> str:
    return "" if found is None else f"{number(found.value)} ({'yes' if found.reached else 'no'})"


def _verdict(target: Target, every: Outcome | None, each: list[Outcome | None]) -> str:
    if every is None:
        return "not known"
    known = [found for found in each if found is not None]
    text = "**reached**" if every.reached else "not reached"
    if every.low < target.least < every.high:
        text += ", interval includes it"
    return f"{text}; {sum(found.reached for found in known)} of {len(known)} seeds"


def _gradients(study: Contents) -> str:
    rows = gradient_rows(study.there(), study.logs)
    if not rows:
        return ""
    return (
        "Norm of the gradient at the mask's logits, over a batch of training: from the loss of the "
        "prediction, and from the term that keeps the mask sparse (with its weight). A mask that "
        "the prediction hardly moves has a ratio far below 1. Means over seeds.\n\n"
        + markdown(rows)
    )


def _notes(plan: Plan) -> str:
    return "".join(
        f"- {note.text}" + (f" (runs: {', '.join(note.runs)})" if note.runs else "") + "\n"
        for note in plan.notes
    )
