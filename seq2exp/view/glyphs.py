"""The letters A, C, G and T as outlines, for sequence logos in SVG paths.

Each outline lives in the unit square, y upwards, and is made of straight and quadratic strokes, so
it can be stretched to a base's width and any height.
"""

from __future__ import annotations

#: Command and its points; the outer outline first, holes after it (even-odd fill).
Outline = list[tuple[str, list[tuple[float, float]]]]

_C: Outline = [
    ("M", [(1.00, 0.68)]),
    ("Q", [(0.94, 1.00), (0.52, 1.00)]),
    ("Q", [(0.00, 1.00), (0.00, 0.50)]),
    ("Q", [(0.00, 0.00), (0.52, 0.00)]),
    ("Q", [(0.94, 0.00), (1.00, 0.32)]),
    ("L", [(0.77, 0.36)]),
    ("Q", [(0.73, 0.16), (0.52, 0.16)]),
    ("Q", [(0.25, 0.16), (0.25, 0.50)]),
    ("Q", [(0.25, 0.84), (0.52, 0.84)]),
    ("Q", [(0.73, 0.84), (0.77, 0.64)]),
    ("Z", []),
]
OUTLINES: dict[str, Outline] = {
    "A": [
        ("M", [(0.00, 0.00)]),
        ("L", [(0.38, 1.00)]),
        ("L", [(0.62, 1.00)]),
        ("L", [(1.00, 0.00)]),
        ("L", [(0.76, 0.00)]),
        ("L", [(0.68, 0.22)]),
        ("L", [(0.32, 0.22)]),
        ("L", [(0.24, 0.00)]),
        ("Z", []),
        ("M", [(0.38, 0.38)]),
        ("L", [(0.62, 0.38)]),
        ("L", [(0.50, 0.74)]),
        ("Z", []),
    ],
    "C": _C,
    "G": [
        ("M", [(1.00, 0.70)]),
        ("Q", [(0.94, 1.00), (0.52, 1.00)]),
        ("Q", [(0.00, 1.00), (0.00, 0.50)]),
        ("Q", [(0.00, 0.00), (0.54, 0.00)]),
        ("Q", [(0.84, 0.00), (1.00, 0.14)]),
        ("L", [(1.00, 0.54)]),
        ("L", [(0.55, 0.54)]),
        ("L", [(0.55, 0.39)]),
        ("L", [(0.77, 0.39)]),
        ("L", [(0.77, 0.22)]),
        ("Q", [(0.68, 0.16), (0.54, 0.16)]),
        ("Q", [(0.25, 0.16), (0.25, 0.50)]),
        ("Q", [(0.25, 0.84), (0.52, 0.84)]),
        ("Q", [(0.72, 0.84), (0.77, 0.66)]),
        ("Z", []),
    ],
    "T": [
        ("M", [(0.00, 1.00)]),
        ("L", [(1.00, 1.00)]),
        ("L", [(1.00, 0.84)]),
        ("L", [(0.62, 0.84)]),
        ("L", [(0.62, 0.00)]),
        ("L", [(0.38, 0.00)]),
        ("L", [(0.38, 0.84)]),
        ("L", [(0.00, 0.84)]),
        ("Z", []),
    ],
    "N": [
        ("M", [(0.00, 0.00)]),
        ("L", [(0.00, 1.00)]),
        ("L", [(0.24, 1.00)]),
        ("L", [(0.78, 0.32)]),
        ("L", [(0.78, 1.00)]),
        ("L", [(1.00, 1.00)]),
        ("L", [(1.00, 0.00)]),
        ("L", [(0.76, 0.00)]),
        ("L", [(0.22, 0.68)]),
        ("L", [(0.22, 0.00)]),
        ("Z", []),
    ],
}


def letter_path(base: str, left: float, height: float, fill: float = 0.9, digits: int = 3) -> str:
    """Return a letter as an SVG path in data coordinates.

    Parameters
    ----------
    base : {"A", "C", "G", "T", "N"}
    left : float
        Where the base begins on the x axis; it is 1 wide.
    height : float
        Height of the letter, which stands on 0, or hangs from it upside down where negative.
    fill : float
        Share of the base's width that the letter takes.
    digits : int
        Decimals of the heights.

    Returns
    -------
    str
        Absolute M, L, Q and Z commands.
    """
    start = left + (1.0 - fill) / 2
    out = []
    for command, points in OUTLINES[base]:
        out.append(command)
        out.append(" ".join(f"{start + x * fill:.2f},{y * height:.{digits}f}" for x, y in points))
    return "".join(out)
