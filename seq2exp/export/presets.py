"""Page widths and font sizes that journals ask for in their instructions to authors."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """The page of a publication figure.

    Attributes
    ----------
    name
        Journal, and how much of its page's width.
    width_mm
        Printed width.
    font_size
        Points; the smallest text of a figure has 0.8 of it.
    """

    name: str
    width_mm: float
    font_size: float


PRESETS: tuple[Preset, ...] = (
    Preset("Nature, one column", 89, 7),
    Preset("Nature, two columns", 183, 7),
    Preset("Science, two columns", 121, 7),
    Preset("Science, three columns", 184, 7),
    Preset("Cell, one column", 85, 7.5),
    Preset("Cell, one and a half", 114, 7.5),
    Preset("Cell, two columns", 174, 7.5),
    Preset("PNAS, one column", 87, 7.5),
    Preset("PNAS, two columns", 178, 7.5),
    Preset("PLOS, text width", 132, 10),
    Preset("PLOS, page width", 190.5, 10),
    Preset("Slide", 320, 14),
)
