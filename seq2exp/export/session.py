"""A view that can be kept: as a JSON file, and the part of it that fits into a link.

Nothing here depends on the machine or the theme: a session names its data set and model, and
whoever opens it sees the same tracks, thresholds and selections.
"""

import difflib
import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval, parse_locus, resolve_chrom
from seq2exp.inference.perturb import Edit
from seq2exp.view.tracks import ROW_ORDER

VERSION = 1
"""Goes up when a session's keys change their meaning."""

MODES = ("soft", "hard", "top")
SCALES = ("linear", "log1p")

_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class TrackSetting:
    """How one row of the browser is shown; the order of a session's tracks is the rows' order.

    Attributes
    ----------
    key
        The row, as in `seq2exp.view.tracks.TrackSpec.key`.
    visible
        Whether it is shown.
    height
        Relative height; None for the row's own.
    scale
        ``"linear"`` or ``"log1p"``; None for the row's own.
    limit
        ``"max"``, ``"p99"`` or the highest value of a fixed scale; None for the row's own.
    color
        ``#RRGGBB``; None for the row's own.
    """

    key: str
    visible: bool = True
    height: float | None = None
    scale: str | None = None
    limit: str | float | None = None
    color: str | None = None


@dataclass(frozen=True)
class Selection:
    """A span that the user picked, one row of the BED selection (0-based half-open)."""

    chrom: str
    start: int
    end: int
    name: str = ""
    color: str = "#009E73"
    note: str = ""

    @property
    def interval(self) -> Interval:
        """Where it is."""
        return Interval(self.chrom, self.start, self.end)


@dataclass(frozen=True)
class Session:
    """Everything that makes a view, apart from the theme.

    Attributes
    ----------
    dataset, dataset_digest
        Name of the data set, and the digest of its content without other added cell types; an
        empty digest fits any.
    gene, cell, model
        Gene symbol or id, cell type, model id; empty for the data set's default.
    region
        What the browser shows, None for the gene's whole window.
    prior_mean, prior_strength
        Prior of the mask (a / (a + b) and a + b); None for the one that the model was trained with.
    mode, threshold, fraction
        Rule of the mask: soft, hard (mean >= threshold) or top (highest fraction of the bases).
    min_length, merge_gap
        Of learned elements, in bp.
    q, cutoff
        q-value of called peaks; cutoff of peaks from a signal (None: suggested from the signal).
    tracks
        The rows in their order.
    selections
        The BED selection.
    edits
        What was edited of the inputs, in its order; closing the mask is no edit of an input.
    highlights
        The spans that are marked in the figure.
    version
        `VERSION` of the program that wrote it.
    """

    dataset: str = ""
    dataset_digest: str = ""
    gene: str = ""
    cell: str = ""
    region: Interval | None = None
    model: str = ""
    prior_mean: float | None = None
    prior_strength: float | None = None
    mode: str = "soft"
    threshold: float = 0.5
    fraction: float = 0.1
    min_length: int = 50
    merge_gap: int = 50
    q: float = 0.05
    cutoff: float | None = None
    tracks: tuple[TrackSetting, ...] = ()
    selections: tuple[Selection, ...] = ()
    edits: tuple[Edit, ...] = ()
    highlights: tuple[Interval, ...] = ()
    version: int = field(default=VERSION)

    def to_json(self) -> str:
        """Return the session as JSON text; regions are written 1-based, as they are typed."""
        content = asdict(self)
        content["region"] = _region_text(self.region) or None
        content["highlights"] = [text for one in self.highlights if (text := _region_text(one))]
        content["edits"] = [edit.to_dict() for edit in self.edits]
        first = {"format": "seq2exp-session", "version": content.pop("version")}
        return json.dumps(first | content, indent=2) + "\n"

    def to_query(self) -> dict[str, str]:
        """Return the parameters of a deep link; what stands at its default is left out."""
        plain = Session()
        texts = {}
        for key, name in QUERY.items():
            value = getattr(self, name)
            if isinstance(value, Interval):
                value = _region_text(value)
            if value not in ("", getattr(plain, name)):
                texts[key] = f"{value:.12g}" if isinstance(value, float) else str(value)
        return texts


def _region_text(region: Interval | None) -> str:
    """Write a region as it is typed; what a window has before base 1 cannot be typed."""
    if region is None or region.end <= max(region.start, 0):
        return ""
    return str(replace(region, start=max(region.start, 0)))


QUERY = {
    "gene": "gene",
    "cell": "cell",
    "region": "region",
    "model": "model",
    "prior": "prior_mean",
    "strength": "prior_strength",
    "mode": "mode",
    "threshold": "threshold",
    "fraction": "fraction",
    "length": "min_length",
    "gap": "merge_gap",
    "q": "q",
    "cutoff": "cutoff",
}
"""Parameter of a deep link → attribute of a session."""

_NUMBERS = {
    # attribute: (lowest, lowest allowed?, highest, highest allowed?)
    "prior_mean": (0.0, False, 1.0, False),
    "prior_strength": (0.0, False, math.inf, False),
    "threshold": (0.0, False, 1.0, True),
    "fraction": (0.0, False, 1.0, True),
    "min_length": (1, True, math.inf, False),
    "merge_gap": (0, True, math.inf, False),
    "q": (0.0, False, 1.0, True),
    "cutoff": (0.0, False, math.inf, False),
    "height": (0.0, False, 1000.0, True),
    "start": (0, True, math.inf, False),
    "end": (0, True, math.inf, False),
}
_CHOICES = {"mode": MODES, "scale": SCALES}
_INTEGERS = ("min_length", "merge_gap", "start", "end")


def parse_session(
    text: str, source: str = "session", lengths: Mapping[str, int] | None = None
) -> Session:
    """Read a session from JSON text.

    Parameters
    ----------
    text
        What `Session.to_json` wrote, perhaps edited by hand.
    source
        Names the text in errors.
    lengths
        Chromosome lengths in bp; with them, a region that is not on a chromosome is refused.

    Raises
    ------
    InputError
        Naming the key and the fix.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{source} is not a session: not JSON ({error}); save it again from the browser page."
        ) from None
    if not isinstance(content, dict) or content.pop("format", None) != "seq2exp-session":
        raise InputError(
            f"{source} is not a session: its 'format' is not 'seq2exp-session'; "
            "give a file saved from the browser page."
        )
    version = content.get("version")
    if version != VERSION or isinstance(version, bool):
        raise InputError(
            f"{source} has version {version!r}, this program reads version {VERSION}; "
            "open it with the program that wrote it, or save it again."
        )
    return _build(Session, content, source, "", lengths)


def read_session(path: str | os.PathLike[str], lengths: Mapping[str, int] | None = None) -> Session:
    """Read a session file; see `parse_session`."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; give the path of a session file.") from None
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{path} cannot be read as text; give a session file.") from None
    return parse_session(text, os.fspath(path), lengths)


def from_query(
    parameters: Mapping[str, str],
    base: Session | None = None,
    lengths: Mapping[str, int] | None = None,
) -> Session:
    """Read the parameters of a deep link on top of a session (by default a plain one).

    Parameters that a session does not know are left to whoever put them there; an empty one counts
    as absent.

    Raises
    ------
    InputError
        Naming the parameter and the fix.
    """
    changes: dict[str, Any] = {}
    for key, name in QUERY.items():
        text = parameters.get(key, "").strip()
        if not text:
            continue
        value: Any = text
        if name in _INTEGERS or name in _NUMBERS:
            try:
                value = int(text) if name in _INTEGERS else float(text)
            except ValueError:
                raise InputError(_message(f"the link's '{key}'", name, text)) from None
        changes[name] = _checked(name, value, f"the link's '{key}'", lengths)
    return replace(base or Session(), **changes)


def _build(kind: Any, content: Any, source: str, where: str, lengths: Any) -> Any:
    """Make a dataclass from JSON, checking each key."""
    if not isinstance(content, dict):
        raise InputError(f"{source}: {where}is not an object; write keys in braces.")
    known: dict[str, Field[Any]] = {one.name: one for one in fields(kind)}
    for key in content:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0) or [""]
            raise InputError(
                f"{source}: {where}'{key}' is not a key of a session; did you mean '{near[0]}'?"
            )
    values: dict[str, Any] = {}
    for name, one in known.items():
        label = f"{source}: {where}'{name}'"
        if name not in content:
            if one.default is MISSING:
                raise InputError(f"{label} is missing; add it.")
            continue
        value = content[name]
        if name in ("tracks", "selections", "edits", "highlights"):
            if not isinstance(value, list):
                raise InputError(f"{label} is not a list; write it in square brackets.")
            values[name] = tuple(
                _item(name, item, source, f"{name}[{i}]", lengths) for i, item in enumerate(value)
            )
        elif value is None and one.default is None:
            values[name] = None
        else:
            values[name] = _checked(name, value, label, lengths)
    if kind is Selection:
        _check_place(values, f"{source}: {where}", lengths)
    if kind is TrackSetting and values["key"] not in ROW_ORDER:
        near = difflib.get_close_matches(values["key"], ROW_ORDER, n=1, cutoff=0)[0]
        raise InputError(f"{source}: {where}names no row of the browser; did you mean '{near}'?")
    return kind(**values)


def _item(name: str, content: Any, source: str, where: str, lengths: Any) -> Any:
    """Make one row of a session's lists."""
    if name == "highlights":
        return _checked("region", content, f"{source}: '{where}'", lengths)
    if name != "edits":
        part = TrackSetting if name == "tracks" else Selection
        return _build(part, content, source, f"{where} ", lengths)
    label = f"{source}: {where}"
    edit = Edit.from_dict(content, label)
    if not edit.on_inputs:
        raise InputError(f"{label} closes the mask, which is no edit of an input; take it out.")
    place = edit.interval
    _check_place(
        {"chrom": place.chrom, "start": place.start, "end": place.end}, f"{label} ", lengths
    )
    chrom = resolve_chrom(place.chrom, lengths or ()) or place.chrom
    return replace(edit, interval=replace(place, chrom=chrom))


def _check_place(values: dict[str, Any], label: str, lengths: Mapping[str, int] | None) -> None:
    """Refuse a selection that is no interval, or not on the data set's chromosomes."""
    chrom, start, end = values["chrom"], values["start"], values["end"]
    if start >= end:
        raise InputError(f"{label}ends before it starts; write start < end.")
    if lengths is None:
        return
    known = resolve_chrom(chrom, lengths)
    if known is None:
        names = ", ".join(list(lengths)[:3])
        raise InputError(f"{label}is on {chrom}, which this data set lacks; it has {names} ….")
    if end > lengths[known]:
        raise InputError(
            f"{label}ends at {end:,}, beyond the {lengths[known]:,} bp of {known}; "
            "open the data set it was saved on."
        )


def _checked(name: str, value: Any, label: str, lengths: Mapping[str, int] | None) -> Any:
    """Return `value` as the attribute `name` wants it, or say what it should be."""
    if name == "region" and isinstance(value, str):
        try:
            return parse_locus(value, lengths)
        except InputError as error:
            raise InputError(f"{label}: {error}") from None
    if name in _NUMBERS:
        low, low_in, high, high_in = _NUMBERS[name]
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        right = (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and (low <= value if low_in else low < value)
            and (value <= high if high_in else value < high)
            and (whole or name not in _INTEGERS)
        )
        converted: Any = int if name in _INTEGERS else float
        if right:
            return converted(value)
    elif name in _CHOICES:
        if value in _CHOICES[name]:
            return value
    elif name == "limit":
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if value in ("max", "p99") or (number and 0 < value < math.inf):
            return value if isinstance(value, str) else float(value)
    elif name == "visible":
        if isinstance(value, bool):
            return value
    elif name == "version":
        return value
    elif isinstance(value, str) and (name != "color" or _COLOR.fullmatch(value)):
        return value
    raise InputError(_message(label, name, value))


def _message(label: str, name: str, value: Any) -> str:
    if name in _NUMBERS:
        low, low_in, high, high_in = _NUMBERS[name]
        kind = "a whole number" if name in _INTEGERS else "a number"
        wanted = f"{kind} {'of at least' if low_in else 'above'} {low:g}"
        if high < math.inf:
            wanted += f" and {'at most' if high_in else 'below'} {high:g}"
    else:
        wanted = {
            "limit": "'max', 'p99' or a number above 0",
            "visible": "true or false",
            "color": "a colour as #RRGGBB",
            **{key: " or ".join(f"'{c}'" for c in choices) for key, choices in _CHOICES.items()},
        }.get(name, "text in quotes")
    return f"{label} is {value!r}; give {wanted}."
