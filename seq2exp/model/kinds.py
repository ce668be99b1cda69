"""Whether settings have the kind of value that their dataclass declares."""

import sys
from collections.abc import Iterator
from dataclasses import fields
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

from seq2exp.errors import InputError

_WORDS = {int: "a whole number", float: "a finite number", bool: "true or false", str: "a text"}


def check_kinds(settings: Any, what: str) -> None:
    """Refuse fields of a dataclass that do not hold what they are declared as.

    Checked are whole numbers, finite numbers, truth values, texts, tuples of these, and what may be
    None besides; other fields pass.

    Parameters
    ----------
    what : what the fields are called in a message, e.g. "Model setting".

    Raises
    ------
    InputError
        Names the first field of a wrong kind, its value, and what it must be.
    """
    for field in fields(settings):
        value = getattr(settings, field.name)
        if not _fits(value, field.type):
            said = " or ".join(_described(field.type))
            raise InputError(f"{what} {field.name} is {value!r}; it must be {said}.")


def _fits(value: Any, kind: Any) -> bool:
    if isinstance(kind, UnionType):
        return any(_fits(value, one) for one in get_args(kind))
    if get_origin(kind) is tuple:
        kinds = get_args(kind)
        whole = isinstance(value, tuple) and len(value) == len(kinds)
        return whole and all(map(_fits, value, kinds))
    if kind is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and abs(value) <= sys.float_info.max
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return not isinstance(kind, type) or isinstance(value, kind)


def _described(kind: Any) -> Iterator[str]:
    """Yield what a field may hold, in words."""
    if isinstance(kind, UnionType):
        for one in get_args(kind):
            if one is not NoneType:
                yield from _described(one)
    elif get_origin(kind) is tuple:
        kinds = get_args(kind)
        yield f"{len(kinds)} numbers, each {' or '.join(_described(kinds[0]))}"
    else:
        yield _WORDS.get(kind, getattr(kind, "__name__", str(kind)))
