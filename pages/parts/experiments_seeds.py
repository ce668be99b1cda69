"""Masks of models that differ from the one on show in nothing but their seed."""

from dataclasses import dataclass

from pages.parts import resources
from pages.parts.waiting import explain_failure, watch
from pages.parts.work import mask_key, newest
from seq2exp.analysis.distal import mask_agreement
from seq2exp.datasets.catalog import Dataset
from seq2exp.genome.window import Window
from seq2exp.inference.jobs import Progress
from seq2exp.inference.perturb import Edit
from seq2exp.inference.progress import part_of
from seq2exp.model.beta import BetaPrior, MaskPosterior
from seq2exp.model.checkpoint import ModelEntry
from seq2exp.model.seeds import other_seeds


@dataclass(frozen=True)
class Seeds:
    """Masks of other seeds.

    Attributes
    ----------
    names
        Ids of the models, the one on show left out; empty where there are none.
    posteriors
        Their masks under the prior on show; empty while they are not known.
    note
        Which they are and how far they agree, or what is going on.
    """

    names: tuple[str, ...] = ()
    posteriors: tuple[MaskPosterior, ...] = ()
    note: str = ""


def seed_masks(
    dataset: Dataset,
    window: Window,
    entry: ModelEntry,
    prior: BetaPrior,
    own: MaskPosterior | None,
    edits: tuple[Edit, ...] = (),
) -> Seeds:
    """Return the masks of other seeds as far as they are known, and find what is missing.

    Parameters
    ----------
    dataset, window, edits
        What is read.
    entry
        The model on show.
    prior
        On show.
    own
        The mask on show, under this prior; the others wait for it.
    """
    others = other_seeds(entry, resources.models().values())
    names = tuple(other.id for other in others)
    if not others or own is None:
        return Seeds(names)
    keys = [mask_key(dataset, window, other, edits) for other in others]

    def work(progress: Progress) -> list[MaskPosterior]:
        found = []
        for i, (other, key) in enumerate(zip(others, keys, strict=True)):
            part = part_of(progress, i / len(others), (i + 1) / len(others))
            known = resources.boards()["model"].find(key)
            if known is not None and known.state == "done":
                found.append(known.result[0])
            else:
                found.append(resources.predictor(other).posterior(window, part))
        return found

    board = resources.boards()["seeds"]
    job = newest(board, "seeds", tuple(keys), work)
    count = f"{len(others)} other {'seed' if len(others) == 1 else 'seeds'}"
    if not job.over:
        watch(job, f"Masks of {count}", "seeds")
        return Seeds(names, note=f"{count}: running")
    if job.state != "done":
        explain_failure(board, job, f"The masks of {count}", "seeds")
        return Seeds(names, note=f"{count}: not known")
    found = tuple(one if one.prior == prior else one.retilt(prior) for one in job.result)
    agreed = mask_agreement(window, [one.edit(one.mean) for one in (own, *found)]).correlation
    said = "constant masks" if agreed is None else f"r = {agreed:.2f} between seeds, base by base"
    return Seeds(names, found, f"{entry.id} and {', '.join(names)}: {said}")
