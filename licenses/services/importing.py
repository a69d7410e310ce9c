"""Licenses of an older tool, brought in as records (D1): all of a file or nothing of it, and each only once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import IntegrityError, transaction

from accounts.models import Account, User
from accounts.services.importing import accounts_create
from accounts.services.merging import accounts_hold
from config.kit.errors import Conflict, FieldError, Invalid
from config.kit.statements import insert_many
from config.kit.tables import Bounds, Columns, Line
from history.services import record_many
from licenses.domain.enums import Kind
from licenses.domain.rows import ALIASES, LEGACY_COLUMNS, LEGACY_REQUIRED
from licenses.models import JobRow, License
from licenses.services.bulk import creation_event
from licenses.services.legacy_desk import Desk, Planned

COLUMNS = Columns(LEGACY_COLUMNS, LEGACY_REQUIRED, ALIASES)
BOUNDS = Bounds(rows=100_000, cell=4_000)
KEPT = 1_000
# Rows of the template, by `LEGACY_COLUMNS`: a license of an account that is there, and one that brings its own.
EXAMPLES = (
    ("demo", "OLD-0001", "acme", "", "", "enterprise", "", "", "1", "25", "4", "", "", "2024-01-01", "2027-12-31",
     "no", "renewed twice", "Kim Doe", "2024-01-01"),
    ("demo", "OLD-0002", "", "Initech Ltd", "customer", "enterprise", "commercial", "enterprise", "1", "unlimited",
     "", "", "", "2024-06-01", "perpetual", "yes", "", "", ""),
)  # fmt: skip
EVERY_KIND = frozenset(Kind)
State = JobRow.State


@dataclass(frozen=True, slots=True)
class RowProblem:
    """What is wrong with one row: its line in the file, the column, and a sentence."""

    line: int
    error: FieldError


@dataclass(slots=True)
class Imported:
    """What became, or would become, of a file. Of the problems the first thousand are kept, all are counted."""

    rows: int = 0
    new: int = 0
    known: int = 0
    refused: int = 0
    accounts: int = 0
    problems: list[RowProblem] = field(default_factory=list)

    @property
    def summary(self) -> dict[str, int]:
        """The counts, for people and for history."""
        return {name: getattr(self, name) for name in ("rows", "new", "known", "refused", "accounts")}


class ImportRefused(Invalid):
    """Rows of the file are not acceptable; nothing was imported."""

    code = "import_refused"

    def __init__(self, done: Imported) -> None:
        self.done = done
        first = done.problems[0]
        detail = f"Nothing was imported: {done.refused:,} of {done.rows:,} rows cannot be taken."
        errors = [
            FieldError(f"{problem.line}.{problem.error.field}", problem.error.code, problem.error.detail)
            for problem in done.problems
        ]
        super().__init__(errors, f"{detail} Line {first.line}: {first.error.detail}")
        self.members |= done.summary


class ImportedMeanwhile(Conflict):
    code = "imported_meanwhile"
    title = "Nothing was imported: some of these licenses or accounts came in meanwhile. Check again."


def licenses_import(
    *,
    lines: Iterable[Line],
    create_accounts: bool = False,
    kinds: Collection[Kind] = EVERY_KIND,
    dry_run: bool = False,
    on_row: Callable[[Planned], None] | None = None,
    actor: str,
    creator: User | None = None,
    at: datetime,
) -> Imported:
    """Record licenses of the older tool: origin `legacy`, with the plan's terms where a row says nothing.

    They are listed and reported with the rest and can neither be signed nor renewed. A row whose product and
    legacy key are known already is skipped, so that a second run adds only what is new. All or nothing:
    raises ImportRefused with the problems of every row, ImportedMeanwhile, AccountMerged, BadTable. `dry_run`
    writes nothing and never refuses. `on_row` hears of each row as it is judged. Accounts that do not exist are
    opened with `create_accounts`; only `kinds` are taken.
    """
    desk = Desk(create_accounts=create_accounts, kinds=frozenset(kinds), actor=actor, creator=creator, at=at)
    done = Imported()
    if dry_run:
        for planned in _dry(desk, lines, done):
            if on_row is not None:
                on_row(planned)
        return done
    try:
        with transaction.atomic():
            for rows in desk.judged(lines):
                _count(done, rows, on_row)
                if not done.refused:
                    _write([row.license for row in rows if row.license], desk.unsaved(), actor=actor, at=at)
            if done.refused:
                raise ImportRefused(done)
    except IntegrityError as error:
        raise ImportedMeanwhile from error
    done.accounts = len(desk.accounts)
    return done


def import_judged(
    *,
    lines: Iterable[Line],
    done: Imported,
    create_accounts: bool,
    kinds: Collection[Kind],
    actor: str,
    creator: User | None,
    at: datetime,
) -> Iterator[Planned]:
    """Each row of a dry run as it is judged; `done` is complete behind the last one. Writes nothing."""
    desk = Desk(create_accounts=create_accounts, kinds=frozenset(kinds), actor=actor, creator=creator, at=at)
    return _dry(desk, lines, done)


def _dry(desk: Desk, lines: Iterable[Line], done: Imported) -> Iterator[Planned]:
    for rows in desk.judged(lines):
        _count(done, rows, None)
        yield from rows
    done.accounts = len(desk.accounts)


def _count(done: Imported, rows: Sequence[Planned], on_row: Callable[[Planned], None] | None) -> None:
    for row in rows:
        done.rows += 1
        done.new += row.state == State.WAITING
        done.known += row.state == State.SKIPPED
        done.refused += row.state == State.REFUSED
        if len(done.problems) < KEPT:
            done.problems += [RowProblem(row.line.number, error) for error in row.errors]
        if on_row is not None:
            on_row(row)


def _write(rows: list[License], accounts: list[Account], *, actor: str, at: datetime) -> None:
    accounts_create(accounts=accounts, actor=actor, at=at)
    accounts_hold(row.account for row in rows)
    for row in rows:
        row.account_id = row.account.pk  # an account of this file had no key before
    insert_many(rows)
    record_many(creation_event(row, actor=actor, at=at) for row in rows)
