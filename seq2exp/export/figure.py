"""The publication figure: what its dialog and its command ask for, and drawing it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seq2exp.errors import InputError, nearest
from seq2exp.genome.locus import Interval, parse_locus
from seq2exp.view.matplotlib import FORMATS, check_page, draw
from seq2exp.view.paper.highlights import COLOR, Highlight
from seq2exp.view.rows import build_tracks
from seq2exp.view.scene import Scene
from seq2exp.view.tracks import ROW_ORDER, ROW_TITLES, ViewSettings

_SIZE = re.compile(r"(?P<width>\d+(?:\.\d+)?)(?:\s*[x×]\s*(?P<height>\d+(?:\.\d+)?))?(?:\s*mm)?")


@dataclass(frozen=True)
class FigureOptions:
    """What a publication figure looks like.

    Attributes
    ----------
    width_mm, height_mm
        Size of the page; no height: what the rows need.
    font_size
        Points.
    dpi
        Resolution of the PNG, and of the contact map inside SVG and PDF.
    tracks
        Keys of the rows from top to bottom, as in `ROW_ORDER` or ``user:0``; empty: those of the
        settings that `gene_figure` is given. The ruler always stands on top.
    highlights
        Spans to mark.
    title, footer
        Above and below the rows.

    Raises
    ------
    InputError
        For a size out of range, or a row that no scene has.
    """

    width_mm: float = 180.0
    height_mm: float | None = None
    font_size: float = 7.0
    dpi: int = 300
    tracks: tuple[str, ...] = ()
    highlights: tuple[Highlight, ...] = ()
    title: str = ""
    footer: str = ""

    def __post_init__(self) -> None:
        """Refuse what no page can be."""
        check_page(self.width_mm, self.height_mm, self.font_size, self.dpi)
        for key in self.tracks:
            if not key.startswith("user:"):
                _check_track(key, ROW_ORDER)


def gene_figure(
    scene: Scene,
    region: Interval,
    fmt: str,
    options: FigureOptions | None = None,
    settings: ViewSettings | None = None,
) -> bytes:
    """Draw a gene's rows for print.

    Parameters
    ----------
    scene
        What there is to show.
    region
        The part of the window to draw, 0-based half-open.
    fmt
        "svg", "pdf" or "png".
    options
        The page.
    settings
        Heights, colours and scales of the rows.

    Returns
    -------
    bytes
        The file; the same for the same arguments.

    Raises
    ------
    InputError
        For a row that does not exist, a region off the window, or a size that does not fit.
    """
    options, settings = options or FigureOptions(), settings or ViewSettings()
    part = part_of_window(region, scene.interval, scene.gene.name)
    if options.tracks:
        settings = chosen_tracks(scene, options.tracks, settings)
    return draw(
        build_tracks(scene, part, settings),
        part,
        fmt,
        width_mm=options.width_mm,
        dpi=options.dpi,
        title=options.title,
        font_size=options.font_size,
        footer=options.footer,
        simulated=scene.simulated,
        height_mm=options.height_mm,
        highlights=options.highlights,
    )


def part_of_window(region: Interval, window: Interval, gene: str) -> Interval:
    """Return the part of a region that lies in the window of a gene, which errors name.

    Raises
    ------
    InputError
        Where there is none.
    """
    part = region.intersection(window)
    if part is None:
        raise InputError(
            f"{region} lies outside the window of {gene} ({window}); choose a region inside it."
        )
    return part


def chosen_tracks(scene: Scene, tracks: Sequence[str], settings: ViewSettings) -> ViewSettings:
    """Return settings that show the rows of these keys, in this order, and no others."""
    known = [*ROW_ORDER, *(f"user:{index}" for index in range(len(scene.user_tracks)))]
    for key in tracks:
        _check_track(key, known)
    for key in known:
        settings = settings.with_track(key, visible=key == "ruler" or key in tracks)
    return replace(settings, order=("ruler", *(key for key in tracks if key != "ruler")))


def drawable_tracks(
    scene: Scene, region: Interval, settings: ViewSettings | None = None
) -> dict[str, str]:
    """Return the rows that a scene has something for, whether they are shown or not.

    Parameters
    ----------
    scene, region
        As in `gene_figure`.
    settings
        Whose order the rows have.

    Returns
    -------
    dict of str to str
        Key to title, from top to bottom; the ruler, which always stands on top, is left out.
    """
    settings = settings or ViewSettings()
    for key in (*ROW_ORDER, *(f"user:{index}" for index in range(len(scene.user_tracks)))):
        # Reading the contact map takes longer than all the others.
        settings = settings.with_track(key, visible=key != "triangle")
    part = region.intersection(scene.interval) or scene.interval
    found = {spec.key: spec.title for spec in build_tracks(scene, part, settings)}
    del found["ruler"]
    if scene.contact_matrix is not None:
        found["triangle"] = ROW_TITLES["triangle"]
    return {key: found[key] for key in settings.arrange(list(found))}


def _check_track(key: str, known: Sequence[str]) -> None:
    if key not in known:
        raise InputError(f"There is no track '{key}'; {nearest(key, known)}")


def parse_size(text: str) -> tuple[float, float | None]:
    """Read a page's size in mm: ``180x90``, or ``180`` for the height that the rows need.

    Raises
    ------
    InputError
        For text of another form.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise InputError(f"'{text}' is no size; write millimetres as 180x90, or 180 alone.")
    height = match["height"]
    return float(match["width"]), None if height is None else float(height)


def parse_highlight(text: str, lengths: Mapping[str, int] | None = None) -> Highlight:
    """Read a highlight: ``LOCUS``, ``LOCUS=#RRGGBB`` or ``LOCUS=#RRGGBB=LABEL``.

    Parameters
    ----------
    text
        The locus 1-based as people write it; the colour may be empty.
    lengths
        Chromosome lengths in bp, to check the locus against.

    Raises
    ------
    InputError
        For text of another form, a locus off its chromosome, or no colour.
    """
    locus, _, rest = text.partition("=")
    color, _, label = rest.partition("=")
    return Highlight(parse_locus(locus, lengths), color.strip() or COLOR, label.strip())


def format_of(path: Path) -> str:
    """Return the figure format that a file's name asks for.

    Raises
    ------
    InputError
        For a name without a known suffix.
    """
    fmt = path.suffix.lower().removeprefix(".")
    if fmt not in FORMATS:
        raise InputError(
            f"{path} names no figure format; let it end in {', '.join('.' + f for f in FORMATS)}."
        )
    return fmt
