"""Edits of a window: what is changed, where, and how it is kept in a file.

An edit never moves a coordinate: bases and signals are replaced in place, and a closed mask is a
mask of 0. Edits are applied in their order to a copy, so the last of a list can be taken away
again, or any other.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval
from seq2exp.genome.window import BASES, PADDING_CODE, SIGNALS, Window

Action = Literal["close", "neutralise", "substitute", "scale", "flatten", "paint"]
ACTIONS = ("close", "neutralise", "substitute", "scale", "flatten", "paint")
#: Actions on one signal.
ON_SIGNALS = ("scale", "flatten", "paint")
#: The signals that `neutralise` sets to 0; contact is that of a 5 kb bin, not of the element.
NEUTRALISED = ("H3K27ac", "DNase")
#: Bases on either side of a span whose mean `flatten` takes for its surroundings.
FLANK = 200

_CONTACT = SIGNALS.index("Hi-C")


@dataclass(frozen=True)
class Edit:
    """One change of what a network is given over a span.

    Attributes
    ----------
    interval
        Where, 0-based half-open.
    action
        "close": the mask is 0 there, whatever the rule makes of it, in the promoter, too.
        "neutralise": the bases become N, H3K27ac and DNase 0. "substitute": the bases become
        `bases`. "scale": the signal is multiplied by `value` (contact itself, not its logarithm).
        "flatten": the signal becomes the straight line between its means over the 200 bp on either
        side, so a peak or a loop is gone. "paint": the signal becomes `value`, in the unit of
        `Window.signals` (contact: log10(1 + contact)).
    signal
        One of `SIGNALS`, for the last three.
    value
        A number, at least 0; for "scale" and "paint".
    bases
        As many of ACGTN as the interval has bases; for "substitute".

    Raises
    ------
    InputError
        For an action, a signal, a number or bases that make no sense.
    """

    interval: Interval
    action: Action
    signal: str = ""
    value: float | None = None
    bases: str = ""

    def __post_init__(self) -> None:
        """Refuse what is no edit."""
        if self.action not in ACTIONS:
            raise InputError(f"There is no edit {self.action!r}; use one of {', '.join(ACTIONS)}.")
        if self.interval.width == 0:
            raise InputError(f"The edit {self.action!r} covers no base; select a span.")
        if (self.action in ON_SIGNALS) != bool(self.signal) or (
            self.signal and self.signal not in SIGNALS
        ):
            wanted = f"one of {', '.join(SIGNALS)}" if self.action in ON_SIGNALS else "no signal"
            raise InputError(f"The edit {self.action!r} is of {wanted}, not {self.signal!r}.")
        if (self.action in ("scale", "paint")) != (self.value is not None):
            raise InputError("An edit has a value if it scales or paints, and only then.")
        if self.value is not None and not (math.isfinite(self.value) and self.value >= 0):
            raise InputError(f"The value {self.value:g} is no signal; use a number of at least 0.")
        if (self.action == "substitute") != bool(self.bases):
            raise InputError("An edit has bases if it substitutes them, and only then.")
        if set(self.bases) - set(BASES):
            raise InputError(f"'{self.bases}' are no bases; write A, C, G, T or N in capitals.")
        if self.bases and len(self.bases) != self.interval.width:
            raise InputError(
                f"{len(self.bases)} bases do not fit {self.interval} ({self.interval.width} bp); "
                "coordinates never shift, so give as many as are replaced."
            )

    @property
    def on_inputs(self) -> bool:
        """Whether the generator sees the edit, so that the mask may change elsewhere, too."""
        return self.action != "close"

    def describe(self) -> str:
        """Say it for a list on the screen."""
        if self.action == "close":
            return f"mask closed at {self.interval}"
        if self.action == "neutralise":
            return f"bases N, {' and '.join(NEUTRALISED)} 0 at {self.interval}"
        if self.action == "substitute":
            shown = self.bases if len(self.bases) <= 12 else f"{self.bases[:10]}…"
            return f"bases {shown} at {self.interval}"
        how = {"scale": f"× {self.value}", "flatten": "flattened", "paint": f"= {self.value}"}
        return f"{self.signal} {how[self.action]} at {self.interval}"

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values: action, chrom, start and end (0-based half-open), and what it has."""
        place = self.interval
        found: dict[str, Any] = {
            "action": self.action,
            **{"chrom": place.chrom, "start": place.start, "end": place.end},
            **{"signal": self.signal, "value": self.value, "bases": self.bases},
        }
        return {key: value for key, value in found.items() if value not in ("", None)}

    @classmethod
    def from_dict(cls, content: Any, source: str = "the edit") -> "Edit":
        """Read what `to_dict` wrote.

        Raises
        ------
        InputError
            Naming the key and the fix.
        """
        if not isinstance(content, dict):
            raise InputError(f"{source} is not an object; write its keys in braces.")
        kinds: dict[str, Any] = {
            **{"action": str, "chrom": str, "start": int, "end": int},
            **{"signal": str, "value": int | float, "bases": str},
        }
        for key, value in content.items():
            if key not in kinds:
                raise InputError(f"{source}: '{key}' is not a key of an edit; take it out.")
            if not isinstance(value, kinds[key]) or isinstance(value, bool):
                wanted = {str: "text", int: "a whole number"}.get(kinds[key], "a number")
                raise InputError(f"{source}: '{key}' is {value!r}; give {wanted}.")
        for key in ("action", "chrom", "start", "end"):
            if key not in content:
                raise InputError(f"{source}: '{key}' is missing; add it.")
        rest = dict(content)
        chrom, start, end = (rest.pop(key) for key in ("chrom", "start", "end"))
        if start > end:
            raise InputError(f"{source} ends before it starts; write start < end.")
        try:
            return cls(Interval(chrom, start, end), **rest)
        except InputError as error:
            raise InputError(f"{source}: {error}") from None


@dataclass(frozen=True, eq=False)
class Edited:
    """A window with edits applied.

    Attributes
    ----------
    window
        The altered copy; arrays without edits are the original's.
    closed
        bool [L], where the mask is closed.
    on_inputs
        Whether bases or signals differ, so that the generator has to run again.
    """

    window: Window
    closed: NDArray[np.bool_]
    on_inputs: bool


def apply_edits(window: Window, edits: Sequence[Edit]) -> Edited:
    """Apply edits to a copy of a window, in their order.

    A span that reaches over the window's ends counts as far as it lies inside.

    Raises
    ------
    InputError
        For an edit without a base in the window.
    """
    closed = np.zeros(window.length, np.bool_)
    on_inputs = any(edit.on_inputs for edit in edits)
    codes = window.codes.copy() if on_inputs else window.codes
    signals = window.signals.copy() if on_inputs else window.signals
    for edit in edits:
        shared = edit.interval.intersection(window.interval)
        if shared is None:
            raise InputError(
                f"{edit.interval} has no base in the window of {window.gene.name}, "
                f"{window.interval.chrom}:{max(window.interval.start, 0) + 1:,}-"
                f"{window.interval.end:,}; choose a span inside."
            )
        place = slice(shared.start - window.interval.start, shared.end - window.interval.start)
        if edit.action == "close":
            closed[place] = True
        elif edit.action == "neutralise":
            codes[place] = PADDING_CODE
            signals[place, [SIGNALS.index(name) for name in NEUTRALISED]] = 0
        elif edit.action == "substitute":
            skipped = shared.start - edit.interval.start
            text = edit.bases[skipped : skipped + shared.width]
            codes[place] = [BASES.index(base) for base in text]
        else:
            channel = SIGNALS.index(edit.signal)
            signals[place, channel] = _signal(signals[:, channel], place, edit, channel)
    return Edited(replace(window, codes=codes, signals=signals), closed, on_inputs)


def _signal(
    values: NDArray[np.float32], place: slice, edit: Edit, channel: int
) -> NDArray[np.float64]:
    """Return what the `place` of one signal [L] becomes."""
    inside = values[place].astype(np.float64)
    if edit.action == "paint":
        return np.full(len(inside), edit.value)
    if edit.action == "scale":
        assert edit.value is not None
        if channel == _CONTACT:
            return np.log10(1 + edit.value * (10**inside - 1))
        return inside * edit.value
    sides = [values[max(place.start - FLANK, 0) : place.start], values[place.stop :][:FLANK]]
    heights = [float(side.mean(dtype=np.float64)) for side in sides if len(side)] or [0.0]
    return np.linspace(heights[0], heights[-1], len(inside) + 2)[1:-1]
