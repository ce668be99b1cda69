"""The track hub: for the gene on show or a list of genes, made by a job that can be stopped."""

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from pages.parts import resources
from pages.parts.take_files import file_button
from pages.parts.take_serving import serve_controls
from pages.parts.take_shown import Shown
from pages.parts.waiting import explain_failure, watch
from pages.parts.work import mask_key, newest
from seq2exp.analysis.compare.genes import known_genes, split_names
from seq2exp.analysis.plain import duration
from seq2exp.export.genes import gene_results
from seq2exp.export.hub import Hub, write_hub, zip_folder
from seq2exp.export.hub_shelf import HubShelf
from seq2exp.export.hub_text import file_name
from seq2exp.genome.annotation import Gene
from seq2exp.genome.window import Window
from seq2exp.inference.jobs import Job, JobBoard, Progress
from seq2exp.inference.posteriors import PosteriorStore
from seq2exp.inference.progress import part_of
from seq2exp.model.beta import BetaPrior, MaskPosterior
from seq2exp.model.checkpoint import ModelEntry

_WAY, _NAMES = "hub-genes", "hub-names"
_ON_SHOW, _LIST = "on show", "a list"
#: Each gene is five tracks; genome browsers get slow long before.
MOST_GENES = 200
_NAMED = 8
#: Share of the work that calling peaks takes, where that is still to be done.
_CALLING = 0.1


@dataclass(frozen=True, eq=False)
class KeptHub:
    """A hub that was made: where it lies, and what it holds."""

    path: Path
    hub: Hub

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum((self.path / name).stat().st_size for name in self.hub.files)


def hub_section(shown: Shown) -> None:
    """Offer a track hub, show how far it is, and what one does with it."""
    st.subheader("Track hub", anchor="track-hub")
    st.caption(
        "The measured tracks, peaks, learned elements and masks (mean and 90 % band) of genes as "
        "tracks of other genome browsers: UCSC, IGV, JBrowse."
    )
    entry, prior = shown.entry, shown.prior
    if entry is None or prior is None:
        st.info("A hub needs a model.", icon=":material/info:")
        return
    if shown.scene.edits:
        st.caption(":material/info: Hubs are made from the measured inputs, without your edits.")
    genes = _genes(shown)
    if not genes:
        return
    shelf = HubShelf()
    one = genes[0].name if len(genes) == 1 else f"{len(genes)}_genes"
    stem = f"{file_name(one)}_{file_name(shown.cell)}"
    key = _key(shown, entry, genes)
    board = resources.boards()["hubs"]
    job = board.find(key)
    if job is not None and job.state == "done" and not job.result.path.is_dir():
        # Other hubs have taken its place on the shelf.
        board.forget(key)
        job = None
    if job is None:
        _offer(shown, entry, prior, genes, board, key, shelf, stem)
    elif not job.over:
        watch(job, f"Track hub of {_count(genes)}", "hub")
    elif job.state != "done":
        explain_failure(board, job, "The track hub", "hub")
        if job.state == "stopped":
            st.caption("Masks that were found so far are kept; running again goes on from there.")
    else:
        _made(job, shelf, stem)


def _genes(shown: Shown) -> list[Gene]:
    """Ask for the genes; none, with a message, where nothing sensible was asked for."""
    way = st.segmented_control(
        "Genes of the hub",
        [_ON_SHOW, _LIST],
        default=_ON_SHOW,
        required=True,
        key=_WAY,
        persist_state="session",
    )
    if way == _ON_SHOW:
        return [shown.gene]
    text = st.text_area(
        "Gene symbols or Ensembl ids",
        key=_NAMES,
        persist_state="session",
        placeholder="MGAT3, SYNGR1\nENSG00000221890",
        help=f"Separated by spaces, commas or lines; up to {MOST_GENES}. For more of them, and for "
        "other files of many genes, there are the commands `seq2exp hub`, `figure` and `report`.",
    )
    names = split_names(text)
    genes, unknown = known_genes(shown.dataset, names)
    if unknown:
        more = f" and {len(unknown) - _NAMED:,} more" if len(unknown) > _NAMED else ""
        st.warning(
            f"{len(unknown):,} of {len(names):,} names are no genes of {shown.dataset.name} and "
            f"are left out: {', '.join(unknown[:_NAMED])}{more}.",
            icon=":material/link_off:",
        )
    if len(genes) > MOST_GENES:
        st.error(
            f"{len(genes):,} genes are too many for one hub here; give up to {MOST_GENES}, or use "
            "`seq2exp hub`.",
            icon=":material/error:",
        )
        return []
    return genes


def _count(genes: list[Gene]) -> str:
    return genes[0].name if len(genes) == 1 else f"{len(genes)} genes"


def _key(shown: Shown, entry: ModelEntry, genes: list[Gene]) -> Hashable:
    """Return all that the hub depends on."""
    return (
        shown.dataset.digest,
        shown.cell,
        entry.content,
        tuple((gene.id, gene.tss) for gene in genes),
        shown.prior,
        shown.rule,
        shown.element_rule,
        shown.parameters,
    )


def _offer(
    shown: Shown,
    entry: ModelEntry,
    prior: BetaPrior,
    genes: list[Gene],
    board: JobBoard,
    key: Hashable,
    shelf: HubShelf,
    stem: str,
) -> None:
    """Offer to make the hub, saying what it costs."""
    store = PosteriorStore.of(shown.dataset, shown.cell, entry)
    missing = len(store.missing(genes))
    row = st.container(horizontal=True, vertical_alignment="center")
    pressed = row.button(f"Make the hub of {_count(genes)}", icon=":material/hub:", key="hub-make")
    row.caption(_cost(shown, len(genes), missing))
    if not pressed:
        return
    dataset, cell, rule = shown.dataset, shown.cell, shown.rule
    length, gap = shown.element_rule
    caller, parameters = shown.caller, shown.parameters
    known = _of_browser(shown, entry)

    def work(progress: Progress) -> KeptHub:
        progress(0.0, "loading the model")
        predictor = resources.predictor(entry)
        called = caller.cached(parameters) is not None
        calling = 0.0 if called else _CALLING
        results = gene_results(
            dataset,
            genes,
            cell,
            predictor,
            entry,
            store,
            known=known,
            progress=part_of(progress, calling, 1.0),
            rule=rule,
            prior=None if prior == predictor.config.prior else prior,
            min_length=length,
            merge_gap=gap,
            peaks=caller.peaks(parameters, part_of(progress, 0.0, calling)),
            peaks_source=caller.describe(parameters),
        )
        path = shelf.place(key, f"{stem}_hub")
        return KeptHub(path, write_hub(results, genes, dataset, path))

    newest(board, "hub", key, work)
    st.rerun()


def _cost(shown: Shown, count: int, missing: int) -> str:
    """Say how long it takes, as the mask on show tells, and how much of it is there."""
    kept = f"{count - missing} of {count} masks are kept from before" if count > 1 else ""
    if shown.mask.prediction is None:
        return kept
    one = shown.mask.prediction.seconds
    generator = max(shown.mask.seconds - one, 0.0)
    takes = f"about {duration(count * one + missing * generator)}"
    return f"{takes}; {kept}" if kept else takes


def _of_browser(shown: Shown, entry: ModelEntry):
    """Return what finds the masks that the Browser has already."""
    board, dataset = resources.boards()["model"], shown.dataset

    def known(window: Window) -> MaskPosterior | None:
        job = board.find(mask_key(dataset, window, entry))
        return job.result[0] if job is not None and job.state == "done" else None

    return known


def _made(job: Job, shelf: HubShelf, stem: str) -> None:
    """Say what the hub holds, and offer it."""
    kept: KeptHub = job.result
    hub, path = kept.hub, kept.path
    shelf.touch(path)
    tracks = sum(bool(track.file) for track in hub.tracks)
    own = " (its bases and genes are in the hub)" if hub.own_genome else ""
    st.markdown(
        f"{tracks} tracks on the assembly {hub.genome}{own}; {kept.size / 1e6:.1f} MB in "
        f"{len(hub.files)} files."
    )
    for note in hub.notes:
        st.caption(f":material/info: {note}")
    row = st.container(horizontal=True)
    with row:
        file_button("Hub (zip)", f"{stem}.hub.zip", lambda: zip_folder(path))
    serve_controls(shelf, path, hub, stem, row)
