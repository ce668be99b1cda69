"""What was measured as a table on the terminal, as JSON with every repeat, and as Markdown."""

import json
import math
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from seq2exp.bench.measure import Timing
from seq2exp.files import atomic_path

Value = float | int | str | None


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes
    ----------
    name
        What it is about.
    values
        By key; those of `COLUMNS` stand in tables, where None or none is blank.
    seconds
        Every repeat as the clock had it, for the JSON.
    note
        What a reader must know of it.
    """

    name: str
    values: Mapping[str, Value] = field(default_factory=dict)
    seconds: tuple[float, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Section:
    """A table: its rows, and what they say under it.

    Attributes
    ----------
    key
        In the JSON.
    title, heading
        Of the table, and of its first column.
    rows, notes
        What it holds.
    """

    key: str
    title: str
    heading: str
    rows: list[Row]
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Report:
    """Everything that one run of a bench found.

    Attributes
    ----------
    name
        Of the bench.
    machine
        As `seq2exp.bench.machine.describe` gives it.
    settings
        The options it ran with.
    sections
        Its tables.
    """

    name: str
    machine: Mapping[str, Value]
    settings: Mapping[str, Any]
    sections: list[Section]


def _digits(value: Value) -> str:
    """Write a number with three digits, or all those before its point."""
    assert isinstance(value, (int, float))
    if value and not 0.001 <= abs(value) < 1e6:
        return f"{value:.2e}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def _times(value: Value) -> str:
    return f"{_digits(value)}×"


def _bytes(value: Value) -> str:
    assert isinstance(value, (int, float))
    return f"{value / 1e9:.2f} GB" if value >= 1e8 else f"{value / 1e6:.1f} MB"


#: Key, heading and how it is written, in the order in which tables have them. Other keys are for
#: the JSON alone.
COLUMNS: dict[str, tuple[str, Callable[[Value], str]]] = {
    "median": ("Median (s)", _digits),
    "quartiles": ("Quartiles (s)", str),
    "repeats": ("Repeats", str),
    "ratio": ("Time / ours", _times),
    "limit_ratio": ("Time / limit", _times),
    "floor_ratio": ("Time / floor", _times),
    "share": ("Share", lambda value: f"{value:.1%}"),
    "growth": ("Time / proportional", _times),
    "per_base": ("ns a base", _digits),
    "count": ("Operations", _digits),
    "rate": ("A second", _digits),
    "least": ("Least (s)", _digits),
    "memory": ("Peak memory", _bytes),
    "before": ("Before the task", _bytes),
}


def timed(timing: Timing, **more: Value) -> Row:
    """Return a timing's row, with more values beside its median, quartiles and repeats."""
    values: dict[str, Value] = {
        "median": timing.median,
        "quartiles": "–".join(map(_digits, timing.quartiles)),
        "repeats": len(timing.seconds),
        "scale": timing.scale,
    }
    return Row(timing.name, values | more, timing.seconds, timing.note)


def compared(
    timings: Mapping[str, Timing], ours: str, least: float | None = None, bound: str = "limit"
) -> list[Row]:
    """Return timings' rows with their medians over ours' and, where it is known, over `least`.

    `bound` says what that is, "limit" or "floor".
    """
    base = timings[ours].median
    return [
        timed(
            timing,
            ratio=timing.median / base,
            **({} if least is None else {f"{bound}_ratio": timing.median / least}),
        )
        for timing in timings.values()
    ]


def growth(
    key: str, title: str, along: str, timings: Mapping[int, Timing], notes: Iterable[str] = ()
) -> Section:
    """Return the table of how time grows along "length" or "batch".

    Its column "Time / proportional" is 1 where so many times the size of the first row takes so
    many times as long; the slope of log time on log size is noted under it.
    """
    first = min(timings)
    rows = []
    for size, timing in timings.items():
        proportional = timings[first].median * size / first
        values: dict[str, Value] = {along: size, "growth": timing.median / proportional}
        if along == "length":
            values["per_base"] = timing.median / size * 1e9
        rows.append(replace(timed(timing, **values), name=f"{size:,}"))
    said = list(notes)
    if len(timings) > 1:
        sizes = [math.log(size) for size in timings]
        slope = statistics.linear_regression(
            sizes, [math.log(timing.median) for timing in timings.values()]
        ).slope
        said.insert(0, f"Time grows as {along} to the power of {slope:.2f}.")
    return Section(key, title, along.capitalize(), rows, said)


def machine_line(machine: Mapping[str, Value]) -> str:
    """Return the machine in one line for people."""
    cores = f"{machine['threads']} of {machine['cores']} cores"
    parts = [str(machine["processor"]), cores]
    if machine["gpu"]:
        parts.insert(0, str(machine["gpu"]))
    memory = machine["memory"]
    parts.append(f"{memory / 1e9:.0f} GB" if isinstance(memory, (int, float)) else "")
    names = ("torch", "transformers", "mambapy", "mamba-ssm", "triton")
    parts += [f"{name} {machine[name]}" for name in names if machine.get(name)]
    parts += [f"load {machine['load']}", str(machine["date"])]
    return ", ".join(filter(None, parts))


# ---- Writing -------------------------------------------------------------------------------------


def _cells(section: Section) -> tuple[list[str], list[list[str]]]:
    """Return a table's headings and its rows, as text."""
    keys = [key for key in COLUMNS if any(row.values.get(key) is not None for row in section.rows)]
    headings = [section.heading, *(COLUMNS[key][0] for key in keys)]
    noted = any(row.note for row in section.rows)
    rows = []
    for row in section.rows:
        cells = [row.name]
        for key in keys:
            value = row.values.get(key)
            cells.append("" if value is None else COLUMNS[key][1](value))
        rows.append([*cells, row.note] if noted else cells)
    return [*headings, "Note"] if noted else headings, rows


def show(report: Report, console: Console | None = None) -> None:
    """Print a report for people."""
    console = console or Console(highlight=False)
    console.print(Text(machine_line(report.machine)))
    for section in report.sections:
        headings, rows = _cells(section)
        table = Table(title=escape(section.title), title_justify="left", title_style="bold")
        for place, heading in enumerate(headings):
            last = place in (0, len(headings) - 1) and heading in (section.heading, "Note")
            table.add_column(heading, justify="left" if last else "right")
        for row in rows:
            table.add_row(*map(escape, row))
        console.print(Group("", table, *(Text(note) for note in section.notes)))


def to_json(report: Report) -> str:
    """Return a report as JSON: every value in full, and every repeat's seconds."""
    found = {
        "bench": report.name,
        "machine": dict(report.machine),
        "settings": dict(report.settings),
        "sections": {
            section.key: {
                "title": section.title,
                "rows": [
                    {
                        "name": row.name,
                        **{key: row.values[key] for key in row.values if key != "quartiles"},
                        **({"seconds": list(row.seconds)} if row.seconds else {}),
                        **({"note": row.note} if row.note else {}),
                    }
                    for row in section.rows
                ],
                "notes": section.notes,
            }
            for section in report.sections
        },
    }
    return json.dumps(found, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def to_markdown(report: Report) -> str:
    """Return a report as Markdown: the same tables."""
    lines = [f"# seq2exp bench {report.name}", "", machine_line(report.machine)]
    for section in report.sections:
        headings, rows = _cells(section)
        left = [place == 0 or heading == "Note" for place, heading in enumerate(headings)]
        lines += ["", f"## {section.title}", "", _line(headings)]
        lines.append(_line(["---" if leftwards else "---:" for leftwards in left]))
        lines += [_line(row) for row in rows]
        for note in section.notes:
            lines += ["", note]
    return "\n".join(lines) + "\n"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def save(text: str, path: Path) -> None:
    """Write a report's text, whole or not at all; its folder is made where it is missing."""
    with atomic_path(path) as draft:
        draft.write_text(text, encoding="utf-8")
