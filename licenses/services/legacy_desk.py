"""Judging the rows of an older tool: what each comes to, before anything is written (D1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from accounts.models import Account, User
from accounts.naming import accounts_named, accounts_of_names, the_account
from accounts.services.accounts import slug_for
from accounts.services.importing import account_draft
from config.kit.errors import FieldError, Invalid
from config.kit.tables import Line
from licenses.domain.enums import Kind
from licenses.domain.rows import COLUMN_OF, LegacyRow, legacy_row
from licenses.models import JobRow, License, Plan, Product
from licenses.services.issuing import license_draft

CHUNK = 1_000
State = JobRow.State


@dataclass(slots=True)
class Planned:
    """One row and what it comes to: a new license, one that is there already, or a refusal."""

    line: Line
    state: JobRow.State
    errors: list[FieldError] = field(default_factory=list)
    license: License | None = None


class Desk:
    """Judges rows, a chunk at a time: a handful of queries for a thousand of them, and constant memory
    but for the keys and the new accounts of the file.
    """

    def __init__(
        self, *, create_accounts: bool, kinds: frozenset[Kind], actor: str, creator: User | None, at: datetime
    ) -> None:
        self.create_accounts, self.kinds, self.actor, self.creator, self.at = (
            create_accounts, kinds, actor, creator, at,
        )  # fmt: skip
        products = list(Product.objects.all())
        self.products = {row.slug: row for row in products} | {row.product_key: row for row in products}
        plans = Plan.objects.select_related("product")
        self.plans = {(plan.product_id, plan.slug): plan for plan in plans}
        self.lines: dict[tuple[int, str], int] = {}
        self.opened: dict[str, _Opened] = {}
        self.taken: dict[str, str] = {}
        self.accounts: dict[str, Account] = {}

    def judged(self, lines: Iterable[Line]) -> Iterator[list[Planned]]:
        rest = iter(lines)
        while chunk := list(islice(rest, CHUNK)):
            read = [(line, *_read(line)) for line in chunk]
            rows = [row for _, row, _ in read if row is not None]
            self.found = accounts_named(row.account for row in rows if row.account)
            self.names = accounts_of_names(row.account_name for row in rows if not row.account)
            self.known = self._known(rows)
            if self.create_accounts:
                slugs = _drafted_slugs(rows)
                self.taken |= {
                    a.slug: a.name for a in Account.objects.filter(slug__in=slugs).only("slug", "name")
                }
            yield [self._planned(line, row, errors) for line, row, errors in read]

    def unsaved(self) -> list[Account]:
        """The new accounts of the chunk that was judged last."""
        return [account for account in self.accounts.values() if account._state.adding]

    def _known(self, rows: Iterable[LegacyRow]) -> set[tuple[int, str]]:
        keys: dict[int, set[str]] = {}
        for row in rows:
            product = self.products.get(row.product.lower())
            if product is not None:
                keys.setdefault(product.pk, set()).add(row.legacy_key)
        found: set[tuple[int, str]] = set()
        for product_id, wanted in keys.items():
            there = License.objects.filter(product_id=product_id, legacy_key__in=wanted).exclude(
                legacy_key=""
            )
            found |= {(product_id, key) for key in there.values_list("legacy_key", flat=True)}
        return found

    def _planned(self, line: Line, row: LegacyRow | None, errors: list[FieldError]) -> Planned:
        if row is None:
            return Planned(line, State.REFUSED, errors)
        try:
            plan = self._plan(row)
            known = self._place(line, (plan.product_id, row.legacy_key))
            license_ = None if known else self._drafted(line, row, plan)
        except Invalid as refusal:
            return Planned(line, State.REFUSED, [_at_column(error) for error in refusal.errors])
        return Planned(line, State.SKIPPED if known else State.WAITING, license=license_)

    def _place(self, line: Line, key: tuple[int, str]) -> bool:
        """Whether this key is there already. Raises Invalid when the file has it twice."""
        first = self.lines.setdefault(key, line.number)
        if first != line.number:
            raise _wrong("legacy_key", "twice", f"Line {first} has this key already.")
        return key in self.known

    def _plan(self, row: LegacyRow) -> Plan:
        product = self.products.get(row.product.lower())
        if product is None:
            known = (
                ", ".join(sorted({item.product_key for item in self.products.values()})[:20]) or "none yet"
            )
            raise _wrong(
                "product", "unknown_product", f"There is no product “{row.product}”. Known are: {known}."
            )
        plan = self.plans.get((product.pk, row.plan.lower()))
        if plan is None:
            codes = ", ".join(sorted(code for pk, code in self.plans if pk == product.pk)[:20]) or "none yet"
            raise _wrong("plan", "unknown_plan", f"{product.name} has no plan “{row.plan}”. It has: {codes}.")
        if (row.kind or Kind(plan.kind)) not in self.kinds:
            raise _wrong("kind", "forbidden", f"You may not create {row.kind or plan.kind} licenses.")
        return plan

    def _drafted(self, line: Line, row: LegacyRow, plan: Plan) -> License:
        if row.created_at is not None and row.created_at > self.at:
            raise _wrong("created", "in_the_future", "It cannot have been created in the future.")
        by: dict[str, Any] = {"actor": self.actor, "creator": self.creator}
        if row.creator:
            by = {"actor": f"legacy:{row.creator}", "creator": None}
        account = self._account(line, row)
        drafted = license_draft(
            account=account, plan=plan, kind=row.kind, terms=row.terms, internal=row.internal,
            origin=License.Origin.LEGACY, **by, at=self.at,
        )  # fmt: skip
        drafted.legacy_key = row.legacy_key
        drafted.created_at = row.created_at or self.at
        if account._state.adding:
            self.accounts[account.customer_id] = account
        return drafted

    def _account(self, line: Line, row: LegacyRow) -> Account:
        if row.account:
            found = self.found.get(row.account, [])
            if not found and self.create_accounts and row.account_name:
                return self._new_account(line, row)
            return the_account(row.account, found)
        found = self.names.get(row.account_name, [])
        if found:
            return the_account(row.account_name, found)
        if not self.create_accounts:
            detail = (
                f"There is no account “{row.account_name[:60]}”. Create it first, or have the import do it."
            )
            raise _wrong("account_name", "unknown_account", detail)
        return self._new_account(line, row)

    def _new_account(self, line: Line, row: LegacyRow) -> Account:
        """The account that the file opens. A name that is nearly another's is asked back, not opened twice."""
        name = row.account or row.account_name.lower()
        opened = self.opened.get(name)
        if opened is not None:
            if row.account_kind and row.account_kind != opened.account.kind:
                detail = f"Line {opened.line} makes this account a {opened.account.kind}."
                raise _wrong("account_kind", "contradiction", detail)
            return opened.account
        account = account_draft(
            name=row.account_name,
            kind=row.account_kind or Account.Kind.CUSTOMER,
            slug=row.account,
            at=self.at,
        )
        there = self.taken.get(account.slug)
        if there is not None:
            detail = (
                f"{there} has the slug {account.slug} already. Name that one, or another slug, under account."
            )
            raise _wrong("account_name", "account_exists", detail)
        self.opened[name] = _Opened(account, line.number)
        self.taken[account.slug] = f"Line {line.number}"
        return account


@dataclass(frozen=True, slots=True)
class _Opened:
    """An account that the file opens, and the line that names it first."""

    account: Account
    line: int


def _drafted_slugs(rows: Iterable[LegacyRow]) -> set[str]:
    return {row.account or slug_for(Account(name=row.account_name)) for row in rows if row.account_name}


def _read(line: Line) -> tuple[LegacyRow | None, list[FieldError]]:
    if line.problem is not None:
        return None, [line.problem]
    row, problems = legacy_row(line.cells)
    return row, [FieldError(problem.field, problem.code, problem.detail) for problem in problems]


def _wrong(column: str, code: str, detail: str) -> Invalid:
    return Invalid([FieldError(column, code, detail)])


def _at_column(error: FieldError) -> FieldError:
    """An error of the services under the name of its column."""
    name = error.field.partition(".")[0]
    return FieldError(COLUMN_OF.get(name, name), error.code, error.detail)
