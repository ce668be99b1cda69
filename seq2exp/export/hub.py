"""A track hub of chosen genes for UCSC, IGV and JBrowse, as a folder or one zip file.

For an assembly that genome browsers have, the hub adds tracks to it. For another one (the simulated
genome, say) it is an assembly hub, which brings the chromosomes' bases and the genes with it.
"""

import html
import io
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError
from seq2exp.export.gene import GeneResult
from seq2exp.export.hub_text import (
    LONG,
    SHORT,
    Track,
    database,
    database_chrom,
    file_name,
    identifier,
    label,
    stanza,
    stanzas,
)
from seq2exp.export.hub_tracks import Seen, TrackWriter, add_cell, add_gene, add_genes
from seq2exp.export.igv import IgvTrack, igv_session
from seq2exp.export.twobit import write_fasta, write_twobit
from seq2exp.files import atomic_path
from seq2exp.genome.annotation import Gene

SESSION = "igv_session.xml"
EMAIL = "nobody@example.org"
_DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip file can say


@dataclass(frozen=True)
class Hub:
    """What a hub holds.

    Attributes
    ----------
    genome
        The assembly as the hub names it.
    own_genome
        Whether the hub brings the genome with it.
    files
        All files, relative to the hub.
    tracks
        The stanzas of trackDb.txt.
    notes
        What was left out, and why.
    locus
        The first gene's window, 1-based, by the hub's names.
    """

    genome: str
    own_genome: bool
    files: tuple[str, ...]
    tracks: tuple[Track, ...]
    notes: tuple[str, ...]
    locus: str

    def igv_session(self, base_url: str = "") -> str:
        """Return the hub's IGV session as XML; see `seq2exp.export.igv.igv_session`."""
        genome = f"{self.genome}/{self.genome}.fa" if self.own_genome else self.genome
        return igv_session(genome, self.locus, _igv_tracks(self.tracks, self.genome), base_url)


def write_hub(
    results: Iterable[GeneResult],
    genes: Sequence[Gene],
    dataset: Dataset,
    target: str | Path,
    *,
    email: str = EMAIL,
    base_url: str = "",
    progress: Callable[[float, str], None] | None = None,
) -> Hub:
    """Write a hub; whole or not at all.

    Parameters
    ----------
    results
        At least one; those of a cell type share its measured tracks. They are taken one by one and
        none is kept, so they may be computed meanwhile.
    genes
        The genes of the results, which tell the chromosomes and how many there are.
    dataset
        Where they come from.
    target
        A folder, which may only exist if it is empty or a hub, or a ``.zip``.
    email
        Whom to ask about the hub; UCSC wants one.
    base_url
        Where the hub will be served, for the IGV session; see `igv_session`. The hub itself has
        relative paths only.
    progress
        Told of every gene; an exception it raises ends the work.

    Raises
    ------
    InputError
        Where the target cannot be written or is a folder of other things.
    """
    path = check_target(target)
    try:
        with atomic_path(path) as draft:
            if path.suffix.lower() != ".zip":
                draft.mkdir()
                return _fill(draft, results, genes, dataset, email, base_url, progress)
            data, hub = hub_zip(
                results,
                genes,
                dataset,
                path.stem,
                email=email,
                base_url=base_url,
                progress=progress,
            )
            draft.write_bytes(data)
            return hub
    except OSError as error:
        raise InputError(
            f"Cannot write {target} ({error.strerror or error}); choose another place."
        ) from None


def check_target(target: str | Path) -> Path:
    """Return the absolute path of a hub to be written.

    Raises
    ------
    InputError
        As `write_hub`, of which it is the first step: before the model runs for many genes.
    """
    path = Path(target).absolute()
    if not path.parent.is_dir():
        raise InputError(f"Cannot write {target}: its folder does not exist; make it first.")
    zipped = path.suffix.lower() == ".zip"
    if path.is_dir() and (zipped or not _is_hub(path)):
        raise InputError(
            f"{target} is a folder of other things; name a new folder, a hub to replace, or a .zip."
        )
    if path.is_file() and not zipped:
        raise InputError(f"{target} is a file; name a folder, or let it end in .zip.")
    return path


def hub_zip(
    results: Iterable[GeneResult],
    genes: Sequence[Gene],
    dataset: Dataset,
    name: str = "seq2exp-hub",
    *,
    email: str = EMAIL,
    base_url: str = "",
    progress: Callable[[float, str], None] | None = None,
) -> tuple[bytes, Hub]:
    """Return a hub as the bytes of a zip file, all in one folder `name`, and what it holds.

    The same results give the same bytes. The other parameters are those of `write_hub`.
    """
    with tempfile.TemporaryDirectory(prefix="seq2exp-hub-") as scratch:
        folder = Path(scratch) / file_name(name)
        folder.mkdir()
        hub = _fill(folder, results, genes, dataset, email, base_url, progress)
        return zip_folder(folder), hub


def zip_folder(folder: Path) -> bytes:
    """Return a folder as the bytes of a zip file, without dates and in a fixed order."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = path.relative_to(folder.parent).as_posix()
            info = zipfile.ZipInfo(name, _DATE)
            info.external_attr = 0o644 << 16
            # These are compressed inside.
            packed = path.suffix in (".bw", ".bb", ".2bit")
            info.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
            archive.writestr(info, path.read_bytes(), compresslevel=6)
    return sink.getvalue()


def _is_hub(folder: Path) -> bool:
    return (folder / "hub.txt").is_file() or not any(folder.iterdir())


def _fill(
    folder: Path,
    results: Iterable[GeneResult],
    genes: Sequence[Gene],
    dataset: Dataset,
    email: str,
    base_url: str,
    progress: Callable[[float, str], None] | None,
) -> Hub:
    if not genes:
        raise InputError("A hub needs at least one gene; name one.")
    known = database(dataset.assembly, dataset.simulated)
    genome = known or identifier(dataset.assembly)
    used = {dataset.window_interval(gene).chrom for gene in genes}
    chroms = [chrom for chrom in dataset.lengths if known or chrom in used]
    names = {chrom: database_chrom(chrom) if known else chrom for chrom in chroms}
    lengths = {name: dataset.lengths[chrom] for chrom, name in names.items()}
    data = folder / genome
    data.mkdir()
    writer = TrackWriter(data, lengths, names)
    seen = []
    for number, result in enumerate(results):
        if progress is not None:
            progress(number / len(genes), f"Writing the tracks of {result.gene.name}")
        add_gene(writer, result)
        seen.append(Seen.of(result, dataset.simulated))
    # What was measured stands above what was learned.
    learned, writer.tracks = writer.tracks, []
    if not known:
        write_twobit(dataset.genome, names, data / f"{genome}.2bit")
        write_fasta(dataset.genome, names, data / f"{genome}.fa")
        sizes = "".join(f"{name}\t{length}\n" for name, length in lengths.items())
        _write(data / "chrom.sizes", sizes)
        add_genes(writer, dataset, seen)
    for cell in dict.fromkeys(one.cell for one in seen):
        add_cell(writer, dataset, [one for one in seen if one.cell == cell])
    tracks = [
        replace(track, settings={**track.settings, "priority": str(number)})
        for number, track in enumerate([*writer.tracks, *learned], 1)
    ]
    first = seen[0].interval
    place = writer.renamed(first.clip(dataset.lengths[first.chrom]))
    locus = f"{place.chrom}:{place.start + 1}-{place.end}"
    title = f"Seq2Exp: {dataset.name}"
    hub = {
        "hub": f"Seq2Exp_{identifier(dataset.name)}",
        "shortLabel": label(title, SHORT),
        "longLabel": label(f"Seq2Exp masks and elements, {dataset.name}, {genome}", LONG),
        "genomesFile": "genomes.txt",
        "email": email,
        "descriptionUrl": "about.html",
    }
    _write(folder / "hub.txt", stanza(hub))
    _write(folder / "genomes.txt", stanza(_genome_stanza(genome, known, dataset, locus)))
    _write(data / "trackDb.txt", stanzas(tracks))
    _write(folder / "about.html", _about(seen, dataset, writer.notes))
    written = Hub(genome, not known, (), tuple(tracks), tuple(writer.notes), locus)
    _write(folder / SESSION, written.igv_session(base_url))
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return replace(written, files=tuple(files))


def _write(path: Path, text: str) -> None:
    # newline: the same bytes on every system.
    path.write_text(text, encoding="utf-8", newline="\n")


def _genome_stanza(genome: str, known: str | None, dataset: Dataset, locus: str) -> dict[str, str]:
    values = {"genome": genome, "trackDb": f"{genome}/trackDb.txt"}
    if known:
        return values
    return values | {
        "twoBitPath": f"{genome}/{genome}.2bit",
        "chromSizes": f"{genome}/chrom.sizes",
        "organism": label(dataset.name, LONG),
        "scientificName": label(dataset.name, LONG),
        "description": label(f"{dataset.name}: chromosomes of the chosen genes", LONG),
        "defaultPos": locus,
        "orderKey": "1000",
    }


def _igv_tracks(tracks: Sequence[Track], genome: str) -> list[IgvTrack]:
    """Return the tracks that have files, a gene's mask from its upper to its lower edge."""
    found = []
    for track in tracks:
        if track.file:
            mask = "viewLimits" in track.settings
            found.append(
                IgvTrack(
                    f"{genome}/{track.file}",
                    track.short,
                    track.settings.get("color", "0,158,115"),
                    (0.0, 1.0) if mask else None,
                    60 if mask else 40,
                )
            )
    return found


def _about(seen: Sequence[Seen], dataset: Dataset, left_out: Sequence[str]) -> str:
    """Return the page that describes the hub."""
    lines = [f"Data set: {dataset.name}, assembly {dataset.assembly}, digest {dataset.digest}."]
    if dataset.simulated:
        lines.append("Simulated data: nothing here was measured.")
    shared = [note for note in seen[0].notes if all(note in one.notes for one in seen)]
    lines += shared
    for one in seen:
        lines.append(f"{one.name} in {one.cell}: {one.how}.")
        lines += [f"{one.name} in {one.cell}: {note}" for note in one.notes if note not in shared]
    lines += [
        "The mask is the share of a base that the model reads, 0 to 1; lower and upper are the 5 % "
        "and 95 % quantiles of its posterior. The promoter (TSS ± 1 kb) is always 1, the blacklist "
        "0. An element's score is 1000 times its mean mask. Signals are cut to the genes' windows.",
        *left_out,
    ]
    body = "\n".join(f"<p>{html.escape(line)}</p>" for line in dict.fromkeys(lines))
    title = html.escape(f"Seq2Exp: {dataset.name}")
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{title}</title>\n</head>\n<body>\n<h1>{title}</h1>\n{body}\n</body>\n</html>\n"
    )
