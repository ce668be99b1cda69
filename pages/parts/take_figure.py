"""The publication figure: a dialog that asks for its page, shows it, and saves it."""

import struct
from collections.abc import Sequence

import streamlit as st

from pages.parts.genome import camera
from pages.parts.take_figure_tables import highlight_table, row_table
from pages.parts.take_files import file_button
from pages.parts.take_shown import Shown
from seq2exp.errors import InputError
from seq2exp.export.figure import FigureOptions, drawable_tracks, gene_figure
from seq2exp.export.presets import PRESETS
from seq2exp.genome.locus import Interval
from seq2exp.view.html import interactive_html
from seq2exp.view.matplotlib import png_pixels
from seq2exp.view.paper.highlights import Highlight
from seq2exp.view.plotly import figure
from seq2exp.view.rows import build_tracks

#: Gene and cell type whose figure is being made; the dialog stays open when the page runs again.
_OPEN = "figure-open"
#: How often the dialog was opened; its tables begin with each.
_TIMES = "figure-times"
_PRESET, _WIDTH, _HEIGHT = "figure-preset", "figure-width", "figure-height"
_FONT, _DPI, _PART = "figure-font", "figure-dpi", "figure-part"
_OWN = "Own size"
_PARTS = ("on screen", "whole window")
_MM_PER_INCH = 25.4
_CSS_DPI = 96
#: Pixels of the preview: sharp on dense screens, and not more than the eye can use.
_PREVIEW_DPI, _PREVIEW_PIXELS = 2 * _CSS_DPI, 1800


def figure_bar(shown: Shown) -> None:
    """Say that data are simulated, where they are, and offer the publication figure."""
    row = st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    )
    simulated = ":orange-badge[simulated] Nothing on this page was measured."
    row.caption(simulated if shown.dataset.simulated else "")
    with row:
        figure_button(shown, "above")


def figure_button(shown: Shown, key: str) -> None:
    """Offer to open the dialog."""
    st.button(
        "Publication figure …",
        key=f"figure-button-{key}",
        on_click=_open,
        args=(shown.stem,),
        icon=":material/photo_frame:",
        type="tertiary" if key == "above" else "secondary",
        help="Size in mm, font size, rows, highlights and title, with a preview; saved as SVG with "
        "editable text, PDF or PNG.",
    )


def quick_figures(shown: Shown) -> None:
    """Offer the part on screen as it stands there, in every format."""
    scene, settings, window = shown.scene, shown.picture.settings, shown.picture.window
    title, footer, stem = shown.title, shown.footer, shown.stem
    # Files are made in threads that see the camera and these spans, but no session state.
    looking, spans = camera(), shown.highlights

    def drawn(fmt: str) -> bytes:
        marks = tuple(Highlight(span) for span in spans)
        options = FigureOptions(highlights=marks, title=title, footer=footer)
        return gene_figure(scene, looking.on(window), fmt, options, settings)

    def page() -> str:
        view = looking.on(window)
        specs = build_tracks(scene, view, settings)
        plot = figure(specs, view, window, settings)
        return interactive_html(plot, title, footer, scene.simulated)

    for fmt in ("svg", "pdf", "png"):
        file_button(fmt.upper(), f"{stem}.{fmt}", lambda fmt=fmt: drawn(fmt))
    file_button("Interactive HTML", f"{stem}.html", page)


def figure_dialog(shown: Shown) -> None:
    """Show the dialog where it was opened and not closed since."""
    if st.session_state.get(_OPEN) == shown.stem:
        _dialog(shown)


def _open(stem: str) -> None:
    st.session_state[_OPEN] = stem
    st.session_state[_TIMES] = st.session_state.get(_TIMES, 0) + 1


def _close() -> None:
    st.session_state.pop(_OPEN, None)


@st.dialog("Publication figure", width="large", icon=":material/photo_frame:", on_dismiss=_close)
def _dialog(shown: Shown) -> None:
    left, right = st.columns([2, 3], gap="medium")
    with left:
        _presets()
        region = _region(shown)
        try:
            options = _options(shown, region)
        except InputError as error:
            options = None
            problem = str(error)
    with right:
        if options is None:
            st.error(problem, icon=":material/error:")
        else:
            _preview(shown, region, options)


def _presets() -> None:
    """Ask for the page; a journal sets width and font size."""
    st.selectbox(
        "Journal",
        [_OWN, *(preset.name for preset in PRESETS)],
        index=2,
        key=_PRESET,
        persist_state="session",
        on_change=_preset_chosen,
        help="Widths and font sizes of the instructions to authors; both can be changed below.",
    )
    wide, high = st.columns(2)
    first = PRESETS[1]
    wide.number_input(
        "Width (mm)", 80.0, 600.0, float(first.width_mm), 1.0, "%g", _WIDTH, persist_state="session"
    )
    high.number_input(
        "Height (mm)",
        20.0,
        600.0,
        None,
        5.0,
        "%g",
        _HEIGHT,
        placeholder="what the rows need",
        persist_state="session",
        help="Rows with values share what the others leave.",
    )
    wide.number_input(
        "Font size (pt)",
        4.0,
        16.0,
        float(first.font_size),
        0.5,
        "%g",
        _FONT,
        persist_state="session",
        help="The smallest text has 0.8 of it.",
    )
    high.number_input(
        "Resolution (dpi)",
        50,
        1200,
        300,
        50,
        key=_DPI,
        persist_state="session",
        help="Of the PNG, and of the contact map inside SVG and PDF.",
    )


def _preset_chosen() -> None:
    chosen = next((one for one in PRESETS if one.name == st.session_state[_PRESET]), None)
    if chosen is not None:
        st.session_state[_WIDTH] = float(chosen.width_mm)
        st.session_state[_FONT] = float(chosen.font_size)


def _region(shown: Shown) -> Interval:
    """Ask which part of the window is drawn."""
    window = shown.picture.window
    part = st.segmented_control(
        "Part of the window",
        _PARTS,
        default=_PARTS[0],
        required=True,
        key=_PART,
        persist_state="session",
    )
    return window if part == _PARTS[1] else camera().on(window)


def _options(shown: Shown, region: Interval) -> FigureOptions:
    """Ask for texts, rows and highlights.

    Raises
    ------
    InputError
        For a highlight that is none, or without a row.
    """
    state, times = st.session_state, st.session_state[_TIMES]
    # What a figure says of a model or an edit must not outlive it.
    title = st.text_input(
        "Title", shown.title, key=f"figure-title-{shown.stem}", persist_state="session"
    )
    footer = st.text_area(
        "Footer",
        shown.footer,
        key=f"figure-footer-{hash(shown.footer)}",
        height=100,
        persist_state="session",
    )
    rows = drawable_tracks(shown.scene, region, shown.picture.settings)
    with st.expander("Rows and their order", icon=":material/reorder:"):
        tracks = row_table(rows, shown.picture.settings, times)
    marks: Sequence[Highlight] = ()
    with st.expander("Highlights", icon=":material/ink_highlighter:"):
        marks = highlight_table(shown, times)
    if not tracks:
        raise InputError("The figure has no row; choose at least one under “Rows”.")
    return FigureOptions(
        width_mm=state[_WIDTH],
        height_mm=state[_HEIGHT],
        font_size=state[_FONT],
        dpi=state[_DPI],
        tracks=tuple(tracks),
        highlights=tuple(marks),
        title=title,
        footer=footer,
    )


def _preview(shown: Shown, region: Interval, options: FigureOptions) -> None:
    """Show the figure at about its printed size, and offer it in three formats."""
    scene, settings = shown.scene, shown.picture.settings
    inches = options.width_mm / _MM_PER_INCH
    dpi = int(max(min(_PREVIEW_DPI, _PREVIEW_PIXELS / inches), 50))
    try:
        with st.spinner("Drawing …"):
            page = FigureOptions(**{**vars(options), "dpi": dpi})
            png = gene_figure(scene, region, "png", page, settings)
    except InputError as error:
        st.error(str(error), icon=":material/error:")
        return
    # A PNG's first chunk has its width and height.
    width, height = (pixels / dpi * _MM_PER_INCH for pixels in struct.unpack(">II", png[16:24]))
    too_large = ""
    try:
        wide, high = png_pixels(width, height, options.dpi)
        pixels = f"{wide:,} × {high:,} pixels as PNG"
    except InputError as error:
        pixels, too_large = "too large as PNG", str(error)
    alt = f"Preview: {len(options.tracks)} rows of {shown.title} at {region}"
    st.image(png, width=round(width / _MM_PER_INCH * _CSS_DPI), alt=alt)
    st.caption(
        f"{width:.0f} × {height:.0f} mm, {pixels}; shown at about its printed size where there is "
        "room. In SVG and PDF, text stays text."
    )
    if too_large:
        st.warning(too_large, icon=":material/warning:")
    with st.container(horizontal=True):
        for fmt in ("svg", "pdf", "png"):
            file_button(
                f"Save as {fmt.upper()}",
                f"{shown.stem}.figure.{fmt}",
                lambda fmt=fmt: gene_figure(scene, region, fmt, options, settings),
                disabled=fmt == "png" and bool(too_large),
            )
