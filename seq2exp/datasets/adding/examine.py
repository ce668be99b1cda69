"""Everything that is checked before a new cell type is accepted, in one go."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seq2exp.datasets.adding.expression import expression_checks, expression_spec
from seq2exp.datasets.adding.features import with_features
from seq2exp.datasets.adding.given import ROLES, Given, check_kind, local_file
from seq2exp.datasets.adding.intervals import peaks_checks, reads_checks
from seq2exp.datasets.adding.reader import Reader
from seq2exp.datasets.adding.report import Check, Report
from seq2exp.datasets.adding.scale import Distribution
from seq2exp.datasets.adding.store import Store
from seq2exp.datasets.adding.tracks import contact_checks, signal_checks
from seq2exp.datasets.adding.windows import GeneSet, gene_set, reference
from seq2exp.datasets.catalog import Cell, Dataset, file_digest
from seq2exp.datasets.expression import Expression
from seq2exp.datasets.fetch import Progress, is_url
from seq2exp.datasets.schema import CellSpec, ContactSpec, ExpressionSpec
from seq2exp.errors import InputError
from seq2exp.tracks.contact import ContactMap
from seq2exp.tracks.signal import Signal

NAME = "Cell type"
# Share of the progress that downloads take, where there are any.
_FETCHED = 0.3


def examine(
    given: Given,
    dataset: Dataset,
    store: Store,
    card: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Report:
    """Fetch what is given, check it against a data set, and say what is wrong.

    Nothing is added: `Store.add` does that with the report's `spec`. Downloads and what is made of
    the files go into the store, where a second call finds them.

    Parameters
    ----------
    given
        Names and places of the files.
    dataset
        Where the cell type shall be added.
    store
        Where it would be kept.
    card
        Of the model whose training data the signals are compared with; None: with the data set's
        own cell types.
    progress
        Told how far the work is; it may raise to stop.

    Returns
    -------
    Report
        Everything that can be told of what is there, even where some of it cannot be used.
    """
    return _Examination(given, dataset, store, card, progress or (lambda part, text: None)).run()


@dataclass
class _Examination:
    given: Given
    dataset: Dataset
    store: Store
    card: Mapping[str, Any] | None
    progress: Progress
    checks: list[Check] = field(default_factory=list)
    scales: dict[str, tuple[Distribution, ...]] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    done: int = 0
    steps: int = 1
    doing: str = "looking at the files"

    def run(self) -> Report:
        self.fetching = _FETCHED if any(map(is_url, self.given.files().values())) else 0.0
        self.progress(0.0, self.doing)
        self._check_name()
        self._fetch()
        against = reference(self.dataset, self.card)
        self.genes = gene_set(self.dataset, against.split)
        every = self.genes if against.split is None else gene_set(self.dataset)
        known = [self.dataset.cells[name] for name in against.cells]
        self.reader = Reader(self.dataset, self.genes, self._step)
        windows = 2 * len(self.genes.windows) + len(self.reader.fewer.genes.windows)
        self.steps = (1 + len(known)) * windows + len(every.genes)
        for role in ("dnase", "h3k27ac"):
            if role in self.files:
                self.doing = f"reading the {ROLES[role].title}"
                found, scales = signal_checks(
                    role, self.files[role], self.given.name, self.reader, known
                )
                self._take(role, found, scales)
        self.doing = "reading the contact map"
        contact = self._contact(known)
        for role, check in (("reads", self._reads), ("peaks", self._peaks)):
            if role in self.files:
                self.doing = f"reading the {ROLES[role].title}"
                self._tell()
                check()
            elif role not in self.given.files():
                self.checks.append(_left_out(role))
        self.doing = "matching genes"
        expression = self._expression(every, known)
        spec = None
        if not any(check.verdict == "fail" for check in self.checks):
            spec = CellSpec(
                name=self.given.name.strip(),
                dnase=self.files["dnase"],
                h3k27ac=self.files["h3k27ac"],
                contact=contact,
                reads=self.files.get("reads"),
                peaks=self.files.get("peaks"),
                expression=expression,
            )
        compared = f"{against.sentence}, over {self.genes.sentence}."
        return Report(spec, tuple(self.checks), self.scales, compared)

    def _check_name(self) -> None:
        name = self.given.name.strip()
        same = [known for known in self.dataset.cells if known.lower() == name.lower()]
        if not name:
            check = Check(NAME, "Name", "fail", "It has no name.", "Give it one, such as HepG2.")
        elif same:
            check = Check(
                NAME,
                "Name",
                "fail",
                f"The data set has a cell type {same[0]} already.",
                "Give it another name, or remove that one if it was added.",
            )
        else:
            check = Check(NAME, "Name", "pass", f"{name} is new.")
        self.checks.append(check)

    def _fetch(self) -> None:
        """Find or download every file, and refuse those of the wrong kind."""
        given = self.given.files()
        for role, wanted in ROLES.items():
            if wanted.needed and role not in given:
                self.checks.append(
                    Check(wanted.title, "File", "fail", "It is missing.", wanted.about)
                )
        for i, (role, text) in enumerate(given.items()):

            def report(part: float, said: str, i: int = i, role: str = role) -> None:
                share = self.fetching * (i + part) / len(given)
                self.progress(share, f"{ROLES[role].title}: {said}")

            try:
                path = local_file(text, self.store, report)
                self.kinds[role] = check_kind(role, path)
                self.files[role] = path
            except InputError as error:
                self.checks.append(Check.refused(ROLES[role].title, "File", error))

    def _contact(self, known: list[Cell]) -> ContactSpec | None:
        if "contact" not in self.files and self.given.contact.strip():
            return None
        spec, map = None, None
        try:
            if "contact" in self.files:
                spec = ContactSpec(
                    self.files["contact"], self.given.resolution, self.given.normalisation
                )
                map = ContactMap(spec.path, spec.resolution, spec.normalisation)
            found, scales = contact_checks(map, self.given.name, self.reader, known)
            self._take("contact", found, scales)
        except InputError as error:
            self.checks.append(Check.refused(ROLES["contact"].title, "File", error))
        return spec

    def _reads(self) -> None:
        try:
            self.checks += reads_checks(self.files["reads"], self.dataset, self.genes)
        except InputError as error:
            self.checks.append(Check.refused(ROLES["reads"].title, "File", error))

    def _peaks(self) -> None:
        try:
            found, self.files["peaks"] = peaks_checks(
                self.files["peaks"], self.kinds["peaks"], self.store, self.dataset, self.genes
            )
            self.checks += found
        except InputError as error:
            self.checks.append(Check.refused(ROLES["peaks"].title, "File", error))

    def _expression(self, genes: GeneSet, known: list[Cell]) -> ExpressionSpec | None:
        """Check the table, and write the one that the app reads."""
        spec, table = None, None
        if "expression" in self.files:
            try:
                spec = expression_spec(self.given, self.files["expression"], self.dataset)
                table = Expression(spec)
            except InputError as error:
                self.checks.append(Check.refused(ROLES["expression"].title, "File", error))
                return None
            label = str((self.card or {}).get("label") or "")
            found, scales = expression_checks(table, self.given, genes, known, label)
            self._take("expression", found, scales)
        elif "expression" not in self.given.files():
            self.checks.append(_left_out("expression"))
        if any(check.verdict == "fail" for check in self.checks):
            return None
        signals = Signal(self.files["dnase"]), Signal(self.files["h3k27ac"])
        made, found = with_features(
            self.dataset, genes, table, signals, self.store.folder_of(self._key(spec)), self._step
        )
        self.checks += found
        return made or spec

    def _key(self, spec: ExpressionSpec | None) -> str:
        """Return a name for the table that is made: it differs with what it is made of."""
        parts = [file_digest(self.files[role]) for role in ("dnase", "h3k27ac")]
        parts += [self.dataset.digest, self.given.unit]
        if spec is not None:
            parts += [file_digest(spec.path), str(spec.gene), str(spec.label)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    def _take(self, role: str, checks: list[Check], scales: tuple[Distribution, ...]) -> None:
        self.checks += checks
        if scales:
            self.scales[role] = scales

    def _step(self) -> None:
        self.done += 1
        if self.done % 10 == 0:
            self._tell()

    def _tell(self) -> None:
        share = self.fetching + (1 - self.fetching) * min(self.done / self.steps, 1.0)
        self.progress(share, self.doing)


def _left_out(role: str) -> Check:
    return Check(ROLES[role].title, "File", "note", f"Not given. {ROLES[role].without}")
