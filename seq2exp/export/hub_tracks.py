"""The data files of a track hub and the stanzas that show them.

Every gene has a mask of its own, and the windows of neighbouring genes overlap, while a bigWig has
one value a base: so each gene gets its own three bigWigs (mean, lower, upper) and its own bigBed
of elements, together in one super track. What was measured is the same for all genes of a cell
type: DNase, H3K27ac and peaks are one track each, cut to the windows of the chosen genes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from seq2exp.analysis.elements import union
from seq2exp.datasets.catalog import Dataset
from seq2exp.export.bed import ELEMENT_COLOR, rgb, write_narrowpeak
from seq2exp.export.bigbed import ELEMENTS, GENES, PEAKS, Schema, bigbed
from seq2exp.export.bigwig import bigwig, cut_bigwig, mask_tracks
from seq2exp.export.gene import GeneResult
from seq2exp.export.hub_text import Track, Unique, file_name, identifier, short_label
from seq2exp.genome.annotation import Gene
from seq2exp.genome.locus import Interval, resolve_chrom
from seq2exp.view.tracks import PALETTE

#: What is exported of a mask, and how it is told apart in one overlay.
MASKS = {
    "upper": ("95 % quantile of the mask", "#F6C6A3"),
    "mean": ("mean of the mask", PALETTE["mask"]),
    "lower": ("5 % quantile of the mask", "#8A3D00"),
}


@dataclass(frozen=True, eq=False)
class Seen:
    """What is kept of a result when its tracks are written; the result itself is large.

    Attributes
    ----------
    name, cell
        Gene and cell type.
    interval
        The gene's window, unclipped.
    peaks, peaks_source
        As in `GeneResult`.
    how
        Model, rule and prior.
    notes
        What must be said of it.
    """

    name: str
    cell: str
    interval: Interval
    peaks: pd.DataFrame | None
    peaks_source: str
    how: str
    notes: tuple[str, ...]

    @classmethod
    def of(cls, result: GeneResult, simulated: bool) -> "Seen":
        """Keep what the tracks of its cell type and the description need."""
        how = f"{result.model.title}; {result.describe_rule()}; prior {result.describe_prior()}"
        return cls(
            result.gene.name,
            result.cell,
            result.window.interval,
            result.peaks,
            result.peaks_source,
            how,
            tuple(result.notes(simulated)),
        )


@dataclass
class TrackWriter:
    """Writes data files into one folder and keeps the stanzas.

    Attributes
    ----------
    folder
        Where the files go.
    lengths
        Chromosome lengths in bp by the hub's names.
    names
        The hub's name of each chromosome of the data set.
    tracks
        Stanzas so far.
    notes
        What was left out, and why.
    """

    folder: Path
    lengths: Mapping[str, int]
    names: Mapping[str, str]
    tracks: list[Track] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _stems: Unique = field(default_factory=Unique)
    _ids: Unique = field(default_factory=Unique)

    def renamed(self, interval: Interval) -> Interval:
        """Return an interval under the hub's name of its chromosome."""
        return replace(interval, chrom=self.names[interval.chrom])

    def add(self, name: str, what: Track, stem: str = "", data: bytes = b"") -> str:
        """Keep a stanza under a unique name, write its file, and return that name."""
        chosen = self._ids(identifier(name))
        file = ""
        if stem:
            base, suffix = stem.rsplit(".", 1)
            file = f"{self._stems(base)}.{suffix}"
            (self.folder / file).write_bytes(data)
        self.tracks.append(replace(what, name=chosen, file=file))
        return chosen

    def intervals(
        self,
        name: str,
        rows: Iterable[Sequence[object]],
        schema: Schema,
        what: Track,
        stem: str,
    ) -> None:
        """Add a bigBed."""
        data = bigbed(rows, schema, self.lengths)
        self.add(name, replace(what, kind=schema.track_type), stem, data)


def spans(seen: Sequence[Seen], dataset: Dataset) -> list[Interval]:
    """Return the disjoint stretches that windows cover on the chromosomes."""
    windows = [(one.interval.chrom, one.interval.start, one.interval.end) for one in seen]
    frame = pd.DataFrame(windows, columns=["chrom", "start", "end"])
    return [
        Interval(chrom, int(start), int(end))
        for chrom in sorted(set(frame["chrom"]))
        for start, end in union(frame, Interval(chrom, 0, dataset.lengths[chrom]))
    ]


def add_genes(writer: TrackWriter, dataset: Dataset, seen: Sequence[Seen]) -> None:
    """Add the genes of the windows, for genomes of which a browser knows none."""
    found = {
        gene.id: gene
        for span in spans(seen, dataset)
        for gene in dataset.annotation.overlapping(span)
    }
    rows = [_transcript(gene, writer.names) for gene in found.values()]
    if rows:
        writer.intervals(
            "genes",
            rows,
            GENES,
            Track(
                "",
                "Genes",
                f"Canonical transcripts of {dataset.spec.annotation.name}",
                settings={"visibility": "pack", "color": rgb(PALETTE["genes"])},
            ),
            "genes.bb",
        )


def _transcript(gene: Gene, names: Mapping[str, str]) -> tuple[object, ...]:
    """Return a gene's canonical transcript as BED12."""
    one = gene.transcripts[0]
    thick = one.cds or (one.start, one.start)
    sizes = "".join(f"{end - start}," for start, end in one.exons)
    starts = "".join(f"{start - one.start}," for start, _ in one.exons)
    chrom = names[resolve_chrom(gene.chrom, names) or gene.chrom]
    head = (chrom, one.start, one.end, gene.name or gene.id, 0, gene.strand)
    return (*head, *thick, 0, len(one.exons), sizes, starts)


def add_cell(writer: TrackWriter, dataset: Dataset, seen: Sequence[Seen]) -> None:
    """Add what was measured in the one cell type of some results, over their windows."""
    name = seen[0].cell
    cell = dataset.cell(name)
    here = spans(seen, dataset)
    for key, title, signal in (
        ("dnase", "DNase", cell.dnase),
        ("h3k27ac", "H3K27ac", cell.h3k27ac),
    ):
        data = cut_bigwig(signal.path, [writer.renamed(span) for span in here], writer.lengths)
        if data is None:
            writer.notes.append(f"{signal.path.name} has no value in the windows.")
            continue
        settings = {
            "visibility": "full",
            "color": rgb(PALETTE[key]),
            "autoScale": "on",
            "maxHeightPixels": "128:40:11",
        }
        writer.add(
            f"{key}_{name}",
            Track(
                "",
                short_label(title, name),
                f"{title} in {name}, values of {signal.path.name}",
                "bigWig",
                settings=settings,
            ),
            f"{file_name(name)}.{title}.bw",
            data,
        )
    first = next((one for one in seen if one.peaks is not None), None)
    if first is None or first.peaks is None:
        writer.notes.append(f"Peaks in {name} were not called.")
        return
    rows = list(_peak_rows(first.peaks, here, writer.names, dataset.lengths))
    if not rows:
        writer.notes.append(f"No peak in {name} touches the windows ({first.peaks_source}).")
        return
    writer.intervals(
        f"peaks_{name}",
        rows,
        PEAKS,
        Track(
            "",
            short_label("peaks", name),
            f"Peaks in {name}: {first.peaks_source}",
            settings={"visibility": "dense", "color": rgb(PALETTE["peaks"])},
        ),
        f"{file_name(name)}.peaks.bb",
    )


def _peak_rows(
    peaks: pd.DataFrame,
    here: Sequence[Interval],
    names: Mapping[str, str],
    lengths: Mapping[str, int],
) -> Iterator[list[str]]:
    """Yield the whole peaks that touch some stretches, as the columns of `PEAKS`."""
    touches = pd.Series(False, index=peaks.index)
    for span in here:
        touches |= (
            (peaks["chrom"] == span.chrom)
            & (peaks["start"] < span.end)
            & (peaks["end"] > span.start)
        )
    for line in write_narrowpeak(peaks[touches], lengths).splitlines():
        fields = line.split("\t")
        yield [names[fields[0]], *fields[1:]]


def add_gene(writer: TrackWriter, result: GeneResult) -> None:
    """Add a gene's super track: its elements, and mean and band of its mask as one overlay."""
    gene, cell = result.gene.name, result.cell
    where = f"{gene} in {cell}"
    stem = f"{file_name(gene)}.{file_name(cell)}"
    above = writer.add(
        f"seq2exp_{gene}_{cell}",
        Track(
            "", gene, f"Seq2Exp: {where}; {result.model.title}", settings={"superTrack": "on show"}
        ),
    )
    if result.elements:
        writer.intervals(
            f"elements_{gene}_{cell}",
            _element_rows(result, writer.names),
            ELEMENTS,
            Track(
                "",
                short_label("elements", gene),
                f"Elements learned for {where}: {result.describe_mask()}",
                parent=above,
                settings={"visibility": "pack", "itemRgb": "on"},
            ),
            f"{stem}.elements.bb",
        )
    else:
        writer.notes.append(f"{where}: no element passes the rule ({result.describe_rule()}).")
    overlay = writer.add(
        f"mask_{gene}_{cell}",
        Track(
            "",
            short_label("mask", gene),
            f"Mask learned for {where}: mean and 90 % credible band",
            "bigWig 0 1",
            parent=above,
            settings={
                "container": "multiWig",
                "aggregate": "transparentOverlay",
                "showSubtrackColorOnUi": "on",
                "visibility": "full",
                "viewLimits": "0:1",
                "maxHeightPixels": "128:60:11",
            },
        ),
    )
    values = mask_tracks(result.prediction.posterior)
    interval = writer.renamed(result.window.interval)
    for kind, (meaning, color) in MASKS.items():
        writer.add(
            f"mask_{kind}_{gene}_{cell}",
            Track(
                "",
                short_label(kind, gene),
                f"{where}: {meaning}, 0 to 1",
                "bigWig 0 1",
                parent=overlay,
                settings={"color": rgb(color), "viewLimits": "0:1"},
            ),
            f"{stem}.mask.{kind}.bw",
            bigwig(values[kind], interval, writer.lengths),
        )


def _element_rows(result: GeneResult, names: Mapping[str, str]) -> Iterator[tuple[object, ...]]:
    """Yield the elements as the columns of `ELEMENTS`."""
    for one in result.elements:
        place = one.interval
        score = round(1000 * min(max(one.mean_mask, 0.0), 1.0))
        bed = (names[place.chrom], place.start, place.end, one.name, score, ".")
        thick = (place.start, place.end, rgb(ELEMENT_COLOR))
        masks = (f"{one.mean_mask:.6g}", f"{one.max_mask:.6g}")
        yield (*bed, *thick, result.gene.name, place.width, one.summit, *masks)
