"""Options that several commands share, in groups: each is written once and opens what it names.

A command takes a group as a parameter, and `grouped` puts the group's options in its place.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from seq2exp.cli.common import DatasetFile, Root, Scan, dataset_path
from seq2exp.errors import InputError

if TYPE_CHECKING:
    from seq2exp.datasets.catalog import Cell, Dataset
    from seq2exp.inference.predictor import MaskRule, Predictor
    from seq2exp.model.beta import BetaPrior
    from seq2exp.tracks.peaks import PeakCaller, PeakParameters


class Group:
    """What is asked for by a few options; a dataclass of options, or of further groups."""

    @classmethod
    def options(cls) -> Iterator[Parameter]:
        """Yield the options of the group and of those within it, in order."""
        for name, one in signature(cls).parameters.items():
            if _is_group(one.annotation):
                yield from one.annotation.options()
            else:
                yield one.replace(name=name, kind=Parameter.KEYWORD_ONLY)

    @classmethod
    def take(cls, given: dict[str, Any]) -> Any:
        """Make the group, taking its options out of what was given."""
        return cls(
            **{
                name: one.annotation.take(given) if _is_group(one.annotation) else given.pop(name)
                for name, one in signature(cls).parameters.items()
            }
        )

    def given(self) -> list[str]:
        """Return those options that are not at their defaults, as words of a command line."""
        found: list[str] = []
        for one in fields(self):  # type: ignore[arg-type]
            value = getattr(self, one.name)
            if isinstance(value, Group):
                found += value.given()
            elif value != one.default:
                option = f"--{one.name.replace('_', '-')}"
                if isinstance(value, bool):
                    found.append(option if value else option.replace("--", "--no-", 1))
                else:
                    found += [option, str(value)]
        return found


def _is_group(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Group)


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command with the options of its groups; its own come first in the help."""
    parameters = signature(command).parameters
    groups = {name: one.annotation for name, one in parameters.items() if _is_group(one.annotation)}
    own = [
        one.replace(kind=Parameter.KEYWORD_ONLY)
        for name, one in parameters.items()
        if name not in groups
    ]
    options = [*own, *(one for group in groups.values() for one in group.options())]

    @wraps(command)
    def asked(**given: Any) -> None:
        command(**{name: group.take(given) for name, group in groups.items()}, **given)

    setattr(asked, "__signature__", Signature(options))  # noqa: B010
    asked.__annotations__ = {one.name: one.annotation for one in options}
    return asked


@dataclass(frozen=True)
class Genes(Group):
    """Genes by name, one by one or in a file."""

    genes: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="GENE...", help="Symbols or Ensembl ids; '-' reads them from stdin."
        ),
    ] = None
    genes_file: Annotated[
        str | None,
        typer.Option("--genes", metavar="FILE", help="A file with gene names; '-' is stdin."),
    ] = None

    def given(self) -> list[str]:
        """Return no words: a gene is named by its id wherever a command is told."""
        return []

    @property
    def names(self) -> list[str]:
        """The names, without repeats; stdin is read.

        Raises
        ------
        InputError
            Where the file, or what stdin gives, cannot be read as text.
        """
        from seq2exp.analysis.compare.genes import split_names

        texts = [_stdin() if name == "-" else name for name in self.genes or []]
        if self.genes_file == "-":
            texts.append(_stdin())
        elif self.genes_file is not None:
            try:
                texts.append(Path(self.genes_file).read_text(encoding="utf-8"))
            except (OSError, UnicodeDecodeError) as error:
                raise InputError(
                    f"The list of genes {self.genes_file} cannot be read ({error}); give a text "
                    "file."
                ) from None
        return split_names("\n".join(texts))


def _stdin() -> str:
    try:
        return sys.stdin.read()
    except UnicodeDecodeError:
        raise InputError("The list of genes on stdin is not text; pipe gene names.") from None


@dataclass(frozen=True)
class Data(Group):
    """A data set and one of its cell types."""

    dataset: DatasetFile = "demo"
    root: Root = None
    cell: Annotated[str | None, typer.Option("--cell", help="Cell type; default: the first.")] = (
        None
    )

    def open(self) -> "tuple[Dataset, Cell]":
        """Open both.

        Raises
        ------
        InputError
            For files that cannot be used, or an unknown cell type.
        """
        from seq2exp.datasets.catalog import Dataset

        opened = Dataset.load(dataset_path(self.dataset), root=self.root)
        first = next(iter(opened.cells.values()))
        return opened, first if self.cell is None else opened.cell(self.cell)


@dataclass(frozen=True)
class Mask(Group):
    """A model, and how its mask is read."""

    model: Annotated[
        str | None,
        typer.Option("--model", help="Id in data/models, or a .safetensors; default: the first."),
    ] = None
    prior: Annotated[
        float | None, typer.Option(metavar="MEAN", help="Prior mean of the mask, 0 to 1.")
    ] = None
    strength: Annotated[float | None, typer.Option(help="Prior strength a + b.")] = None
    mode: Annotated[
        Literal["soft", "hard", "top"] | None, typer.Option(help="Default: the model's own.")
    ] = None
    threshold: Annotated[
        float | None, typer.Option(help="Smallest mean of a kept base (soft: of an element's).")
    ] = None
    fraction: Annotated[float, typer.Option(help="Share of the bases that mode top keeps.")] = 0.1
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto"
    scan: Scan = "auto"

    def open(self) -> "OpenMask":
        """Load the model.

        Raises
        ------
        InputError
            For an unknown model, or numbers out of range.
        """
        from seq2exp.inference.models import find_model
        from seq2exp.inference.predictor import MaskRule, Predictor
        from seq2exp.model.beta import BetaPrior

        predictor = Predictor(find_model(self.model), self.device, self.scan)
        own, trained = predictor.default_rule, predictor.config.prior
        rule = MaskRule(
            self.mode or own.mode,
            own.threshold if self.threshold is None else self.threshold,
            self.fraction,
        )
        tilt = None
        if self.prior is not None or self.strength is not None:
            tilt = BetaPrior.from_mean(
                trained.mean if self.prior is None else self.prior,
                trained.strength if self.strength is None else self.strength,
            )
        return OpenMask(predictor, rule, tilt)


@dataclass(frozen=True, eq=False)
class OpenMask:
    """A loaded model with the rule asked for and the prior to tilt its masks to; None: its own."""

    predictor: "Predictor"
    asked: "MaskRule"
    prior: "BetaPrior | None"

    @property
    def rule(self) -> "MaskRule":
        """The rule that the model follows: a soft rule asked of a hard model becomes a hard one."""
        return self.predictor.applied(self.asked)[0]

    def notes(self, dataset: "Dataset") -> list[str]:
        """Say what the model is worth here, where it was trained on data of another kind."""
        from seq2exp.analysis.plain import foreign_data

        return list(filter(None, [foreign_data(self.predictor.card, dataset.simulated)]))

    def values(self) -> dict[str, Any]:
        """Return how masks are read, for JSON."""
        shown = self.predictor.config.prior if self.prior is None else self.prior
        parameter = "fraction" if self.rule.mode == "top" else "threshold"
        return {
            "mode": self.rule.mode,
            parameter: getattr(self.rule, parameter),
            "prior_mean": shown.mean,
            "strength": shown.strength,
        }


@dataclass(frozen=True)
class Elements(Group):
    """How a mask becomes elements."""

    min_length: Annotated[int, typer.Option(help="Shortest element in bp.")] = 50
    merge_gap: Annotated[int, typer.Option(help="Gaps up to this many bp are closed.")] = 50
    keep_promoter: Annotated[
        bool,
        typer.Option(
            "--keep-promoter", help="Count the promoter (TSS ± 1 kb), which every mask holds open."
        ),
    ] = False

    def check(self) -> None:
        """Refuse what no element can meet.

        Raises
        ------
        InputError
            For numbers out of range.
        """
        if self.min_length < 1 or self.merge_gap < 0:
            raise InputError(
                "Elements need --min-length 1 bp or more and --merge-gap 0 bp or more."
            )


@dataclass(frozen=True)
class Peaks(Group):
    """How peaks are called."""

    q: Annotated[float, typer.Option("--q", help="Largest q-value of a peak.")] = 0.05
    cutoff: Annotated[
        float | None,
        typer.Option(help="Smallest signal of a peak, where peaks come from a signal."),
    ] = None
    use: Annotated[
        Literal["imported", "reads", "signal"] | None,
        typer.Option(help="Where peaks come from; default: the first there is, in this order."),
    ] = None

    def open(self, dataset: "Dataset", cell: "Cell") -> "tuple[PeakCaller, PeakParameters]":
        """Return a cell type's peak caller and its parameters."""
        from seq2exp.tracks.peaks import PeakCaller, PeakParameters

        parameters = PeakParameters(q=self.q, cutoff=self.cutoff)
        return PeakCaller.for_cell(cell, dataset.genome, self.use), parameters


@dataclass(frozen=True)
class WithPeaks(Peaks):
    """Whether peaks are wanted, and how they are called."""

    peaks: Annotated[
        bool, typer.Option("--peaks/--no-peaks", help="With the peaks of the cell type.")
    ] = True
