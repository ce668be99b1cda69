"""``seq2exp …``: thin wrappers that read options, call one function and print what it returns.

What is slow to import (torch, lightning) is imported by the command that needs it, so that
``seq2exp --help`` answers at once. A module holds the commands on one subject; they are registered
here, in the order in which the help lists them.
"""

import sys
from collections.abc import Sequence

import typer

from seq2exp.cli import (
    bench,
    cells,
    compare,
    data,
    evaluate,
    intervals,
    models,
    perturb,
    study,
    takeaway,
)
from seq2exp.errors import TERMINATED, InputError

app = typer.Typer(
    name="seq2exp",
    help="Which bases regulate this gene? Demo data, training, predictions and conversion.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for command in (
    *(data.demo, models.train, evaluate.evaluate, models.predict),
    *(intervals.elements, intervals.peaks, compare.compare),
    *(perturb.delete, perturb.variant),
    *(takeaway.figure, takeaway.hub, takeaway.report, models.convert),
):
    app.command()(command)
app.add_typer(cells.app)
app.add_typer(study.app)
app.add_typer(bench.app)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line; exit with 2 and one line on stderr where the user can fix it."""
    try:
        code = app(None if argv is None else list(argv), standalone_mode=False)
    except InputError as error:
        _fail(str(error), 2)
    except typer.TyperException as error:
        _fail(error.format_message().replace(": Value error, ", ": "), error.exit_code)
    except typer.Abort:
        _fail("stopped", 130)
    except SystemExit as end:
        if end.code == TERMINATED:
            _fail("stopped", TERMINATED)
        raise
    except BrokenPipeError:
        # The reader (head, say) has gone; Python would complain once more when it closes stdout.
        sys.stderr.close()
        sys.exit(0)
    if code == 130:
        _fail("stopped", 130)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, code: int) -> None:
    print(f"seq2exp: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(code)
