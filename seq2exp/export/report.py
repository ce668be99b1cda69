"""A one-page report of a gene for a lab notebook: one HTML file that needs nothing else.

It holds what one would have to write down to find the result again: the figure, the numbers with
their units, the elements, every parameter, the digests of data and model, and the versions.
"""

import html
import platform
from collections.abc import Iterable, Sequence
from datetime import date
from importlib.metadata import version

from seq2exp.analysis.answer import UNIT
from seq2exp.analysis.elements import covered, overlap, union
from seq2exp.datasets.catalog import Dataset, file_digest
from seq2exp.export.figure import FigureOptions, gene_figure
from seq2exp.export.gene import GeneResult, scene_of
from seq2exp.genome.locus import Interval
from seq2exp.view.scene import Scene
from seq2exp.view.tracks import ViewSettings

#: Packages whose version can change a number on the page.
PACKAGES = ("seq2exp", "torch", "numpy", "scipy", "macs3", "hictkpy", "pyBigWig", "matplotlib")

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{title}</title>
<style>
body {{ font: 10pt/1.35 sans-serif; color: #222222; max-width: 190mm; margin: 5mm auto; }}
h1 {{ font-size: 15pt; margin: 0 0 1mm; }}
h2 {{ font-size: 11pt; margin: 4mm 0 1mm; border-bottom: 0.3mm solid #bbbbbb; }}
p, ul {{ margin: 1mm 0; }}
figure {{ margin: 2mm 0; }}
svg {{ max-width: 100%; height: auto; }}
.wide {{ overflow-x: auto; }}
.lines td {{ white-space: nowrap; }}
table {{ border-collapse: collapse; font-size: 9pt; }}
th, td {{ text-align: left; vertical-align: top; padding: 0.4mm 3mm 0.4mm 0; }}
thead th {{ border-bottom: 0.2mm solid #888888; }}
.number {{ text-align: right; font-variant-numeric: tabular-nums; }}
.digest {{ font: 7pt monospace; overflow-wrap: anywhere; }}
.muted {{ color: #595959; }}
.simulated {{ margin-left: 0.6em; padding: 0 0.5em; border: 0.2mm solid #a63603;
 border-radius: 1mm; background: #feedde; color: #a63603; font-size: 10pt; }}
@page {{ size: A4; margin: 10mm; }}
@media print {{ body {{ margin: 0; max-width: none; font-size: 8.5pt; }}
 table {{ font-size: 7.5pt; }} tr, figure {{ break-inside: avoid; }} h2 {{ break-after: avoid; }}
 .simulated {{ background: none; }} }}
</style>
</head>
<body>
<h1>{title}{badge}</h1>
<p class="muted">{subtitle}</p>
<figure>{figure}</figure>
{sections}
</body>
</html>
"""


def report(
    result: GeneResult,
    dataset: Dataset,
    *,
    region: Interval | None = None,
    options: FigureOptions | None = None,
    scene: Scene | None = None,
    settings: ViewSettings | None = None,
    day: date | None = None,
    command: str = "",
) -> str:
    """Return the report of a gene as the text of an HTML file.

    Parameters
    ----------
    result, dataset
        What was found, and in which data.
    region
        What the figure shows; None: the whole window.
    options
        The figure's page.
    scene, settings
        What the figure shows, and how; None: what `scene_of` makes of the result, as usual.
    day
        Printed as the report's date; None: today. The same arguments give the same text.
    command
        What makes the report again; empty where nothing is known to.

    Raises
    ------
    InputError
        As `gene_figure`.
    """
    gene, simulated = result.gene, dataset.simulated
    shown = result.window.interval.clip(dataset.lengths[result.window.interval.chrom])
    scene = scene or scene_of(result, dataset)
    drawn = gene_figure(scene, region or shown, "svg", options, settings).decode()
    name = gene.name if gene.name == gene.id else f"{gene.name} ({gene.id})"
    title = f"{name} in {result.cell}"
    sections = [
        _section("Readout", _table(("Quantity", "Value", "Unit"), _readout(result, dataset), (1,))),
        _section("Learned elements", _elements(result)),
        _section("Parameters", _pairs(_parameters(result))),
        _section("Data set", _pairs(_data(dataset)), _files(dataset)),
        _section("Versions", _pairs([("Python", platform.python_version()), *_versions()])),
    ]
    notes = result.notes(simulated)
    if notes:
        listed = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
        sections.insert(1, _section("Notes", f"<ul>{listed}</ul>"))
    if command:
        sections.append(_section("Command", f"<p><code>{html.escape(command)}</code></p>"))
    place = f"{shown}, TSS {gene.tss + 1:,} ({gene.strand}), assembly {dataset.assembly}"
    return _PAGE.format(
        title=html.escape(title),
        badge='<span class="simulated">Simulated data</span>' if simulated else "",
        subtitle=html.escape(f"Seq2Exp Browser, {(day or date.today()).isoformat()}. {place}."),
        figure=_inline(drawn, f"Tracks of {title} at {region or shown}"),
        sections="\n".join(sections),
    )


def _inline(svg: str, alt: str) -> str:
    """Return a drawing as a part of a page: without its prolog, and with a text for readers."""
    head, _, body = svg[svg.index("<svg") :].partition(">")
    return f'{head} role="img" aria-label="{html.escape(alt)}">{body.strip()}'


def _readout(result: GeneResult, dataset: Dataset) -> Iterable[tuple[str, str, str]]:
    answer = result.answer(dataset.simulated)
    expression, window = answer["expression"], f"of the window's {result.window.length:,} bp"
    yield "Predicted expression", f"{expression['predicted']:.3f}", UNIT
    measured = expression["measured"]
    value = "not measured" if measured is None else f"{measured:.3f}"
    yield "Measured expression", value, f"log10(x+1), x: {expression['label']}"
    if measured is not None and "CAGE" in expression["label"].upper():
        yield "Predicted - measured", f"{expression['predicted'] - measured:+.3f}", UNIT
    yield "Mask ratio", f"{100 * answer['mask']['ratio']:.2f}", f"% {window}, promoter included"
    if answer["peaks"] is not None:
        yield "Peak ratio", f"{100 * answer['peaks']['ratio']:.2f}", f"% {window}"
    yield "Learned elements", f"{len(result.elements):,}", "elements"
    total = sum(element.interval.width for element in result.elements)
    yield "Learned elements", f"{total:,}", f"bp {window}"


def _elements(result: GeneResult) -> str:
    """Return the table of elements, and how they agree with the peaks."""
    if not result.elements:
        return f"<p>No element passes the rule: {html.escape(result.describe_rule())}.</p>"
    gene, frame = result.gene, result.frame
    shares = [element["abc_share"] for element in result.answer(False)["elements"]]
    heads = ["Name", "Position (1-based)", "Length (bp)", "To TSS (bp)", "Mean mask (0-1)"]
    heads.append("Highest mask (0-1)")
    after, in_peaks = "", []
    if result.peaks is not None:
        heads += ["In peaks (bp)", "ABC share (%)"]
        spans = union(result.peaks, result.window.interval)
        in_peaks = covered(spans, frame["start"], frame["end"]).tolist()
        agree = overlap(frame, result.peaks, result.window.interval).sentences()
        listed = "".join(f"<li>{html.escape(text)}</li>" for text in agree)
        after = f"<p>Against the peaks ({html.escape(result.peaks_source)}):</p><ul>{listed}</ul>"
    rows = []
    for index, element in enumerate(result.elements):
        place = element.interval
        away = gene.from_tss(place.center)
        row = [element.name, str(place), f"{place.width:,}", f"{away:+,}"]
        row += [f"{element.mean_mask:.3f}", f"{element.max_mask:.3f}"]
        if in_peaks:
            row += [f"{in_peaks[index]:,}", f"{100 * shares[index]:.1f}"]
        rows.append(row)
    about = (
        "To TSS: from the TSS to the element's middle, negative upstream. ABC share: of all "
        "activity × contact in the window, 0 without a peak."
    )
    table = _table(heads, rows, range(2, len(heads)), "wide lines")
    return f'{table}<p class="muted">{about}</p>{after}'


def _parameters(result: GeneResult) -> Iterable[tuple[str, str]]:
    prediction, card = result.prediction, result.model.card
    yield "Model", f"{result.model.title} ({result.model.id}, {card.get('model', 'seq2exp')})"
    yield "Model sha256", result.model_digest
    yield "Prior", result.describe_prior()
    yield "Mask", result.describe_rule()
    yield "Peaks", result.peaks_source if result.peaks is not None else "not called"
    yield "Contact with the TSS", result.window.contact_source
    yield "Ran on", f"{prediction.device}, {prediction.implementation}, {prediction.seconds:.1f} s"


def _data(dataset: Dataset) -> Iterable[tuple[str, str]]:
    yield "Name", f"{dataset.name}{' (simulated)' if dataset.simulated else ''}"
    yield "Assembly", dataset.assembly
    yield "Sha256 of all", dataset.digest


def _files(dataset: Dataset) -> str:
    rows = [
        (key, path.name, file_digest(path)) for key, path in sorted(dataset.spec.files().items())
    ]
    return _table(("Used as", "File", "Sha256"), rows)


def _versions() -> Iterable[tuple[str, str]]:
    return [(name, version(name)) for name in PACKAGES]


def _section(heading: str, *parts: str) -> str:
    return f"<h2>{html.escape(heading)}</h2>\n" + "\n".join(parts)


def _pairs(rows: Iterable[tuple[str, str]]) -> str:
    body = "".join(
        f'<tr><th scope="row">{html.escape(key)}</th>'
        f"<td{_digest_class(text)}>{html.escape(text)}</td></tr>\n"
        for key, text in rows
    )
    return f'<div class="wide"><table><tbody>\n{body}</tbody></table></div>'


def _digest_class(text: str) -> str:
    return ' class="digest"' if len(text) == 64 and text.isalnum() else ""


def _table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    numbers: Iterable[int] = (),
    kind: str = "wide",
) -> str:
    """Return a table; `numbers` are the columns to set flush right, `kind` its CSS classes."""
    right = set(numbers)

    def mark(column: int, text: str) -> str:
        return ' class="number"' if column in right else _digest_class(text)

    top = "".join(
        f'<th scope="col"{mark(i, "")}>{html.escape(head)}</th>' for i, head in enumerate(heads)
    )
    body = "".join(
        "<tr>"
        + "".join(f"<td{mark(i, text)}>{html.escape(text)}</td>" for i, text in enumerate(row))
        + "</tr>\n"
        for row in rows
    )
    return (
        f'<div class="{kind}"><table><thead><tr>{top}</tr></thead>\n'
        f"<tbody>\n{body}</tbody></table></div>"
    )
