"""Bulk generation: what each row of a list comes to, and making its license (D6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, transaction

from accounts.models import Account
from accounts.naming import Found, accounts_named, the_account
from config.kit.errors import FieldError, Invalid, Refusal, Unavailable
from config.kit.locks import locked
from config.kit.tables import UNREADABLE, BadTable, Bounds, Columns, Line
from licenses.domain.enums import Algorithm, Format, Kind
from licenses.domain.rows import ALIASES, COLUMN_OF, ORDER_COLUMNS, OrderRow, order_row
from licenses.errors import NoSigningKey
from licenses.models import Channel, Job, JobRow, License, Plan
from licenses.selectors import active_key
from licenses.services.bulk import licenses_grant
from licenses.services.issuing import license_draft, license_grant, refuse_closed
from licenses.services.signing import SIGNED_WITH

log = structlog.get_logger(__name__)

COLUMNS = Columns(ORDER_COLUMNS, ("account",), ALIASES)
BOUNDS = Bounds(rows=20_000, cell=4_000)
CHUNK = 500
# Rows of the template, by `ORDER_COLUMNS`.
EXAMPLES = (
    ("acme", "", "enterprise", "", "", "1", "50", "4", "", "", "2027-01-01", "2027-12-31", "no", "second site",
     "", "", ""),
    ("ops@globex.example", "", "", "test", "", "", "", "", "", "", "", "", "", "", "30", "sso projects=20", ""),
)  # fmt: skip
INSTANTS = ("starts_at", "expires_at")
ENDS = frozenset({"expires_at", "days", "perpetual"})
TWICE = "twice"
State = JobRow.State


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked for, for every row that does not say otherwise. `kinds` are those its creator may make."""

    plan: Plan | None = None
    kind: Kind | None = None
    internal: bool = False
    terms: Mapping[str, Any] = field(default_factory=dict)
    format: Format | None = None
    persist: bool | None = None
    kinds: frozenset[Kind] = frozenset(Kind)

    def to_json(self) -> dict[str, Any]:
        """As a job keeps it."""
        terms = {name: value.isoformat() if name in INSTANTS else value for name, value in self.terms.items()}
        return {
            "plan": self.plan.pk if self.plan else None,
            "kind": self.kind,
            "internal": self.internal,
            "terms": terms,
            "format": self.format,
            "persist": self.persist,
            "kinds": sorted(self.kinds),
        }

    @classmethod
    def from_json(cls, order: Mapping[str, Any]) -> Order:
        """As it was asked for, with the plan as it is now."""
        plan = Plan.objects.select_related("product").filter(pk=order["plan"]).first()
        terms = {
            name: datetime.fromisoformat(value) if name in INSTANTS else value
            for name, value in order["terms"].items()
        }
        return cls(
            plan=plan, kind=Kind(order["kind"]) if order["kind"] else None, internal=order["internal"], terms=terms,
            format=Format(order["format"]) if order["format"] else None, persist=order["persist"],
            kinds=frozenset(Kind(kind) for kind in order["kinds"]),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wish:
    """One row with its account and plan, as `license_grant` takes it."""

    account: Account
    plan: Plan
    kind: Kind
    internal: bool
    terms: dict[str, Any]

    def arguments(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("account", "plan", "kind", "internal", "terms")}


class Generator:
    """Turns rows into licenses by one order. Plans are read once; accounts a chunk at a time."""

    def __init__(self, order: Order) -> None:
        self.order = order
        plans = Plan.objects.select_related("product").order_by("pk")
        self.plans = {plan.pk: plan for plan in plans}
        self.keyless: dict[int, str] = {}

    def judged(self, lines: Iterable[Line], *, actor: str, at: datetime) -> Iterator[JobRow]:
        """Each row as it would be done: waiting, or refused with its errors."""
        rest, seen = iter(lines), dict[str, int]()
        while chunk := list(islice(rest, CHUNK)):
            found = accounts_named(line.cells.get("account", "") for line in chunk)
            for line in chunk:
                row = JobRow(number=line.number, data={"cells": line.cells})
                try:
                    _once(line, seen)
                    wish = self.wish(line, found)
                    self._draft(wish, actor=actor, at=at)
                except Refusal as refusal:
                    refuse(row, refusal)
                else:
                    row.data |= {"account": wish.account.pk, "plan": wish.plan.pk}
                yield row

    def wish(self, line: Line, found: Found) -> Wish:
        """What a row asks for. Raises Invalid with everything that cannot be read."""
        if line.problem is not None:
            raise Invalid([line.problem])
        row, problems = order_row(line.cells)
        if row is None:
            raise Invalid([FieldError(p.field, p.code, p.detail) for p in problems])
        account, plan = the_account(row.account, found.get(row.account, [])), self._plan(row)
        return self._wish(row, account, plan)

    def known_wish(self, data: Mapping[str, Any], accounts: Mapping[int, Account]) -> Wish:
        """The same for a row whose account and plan were found when it was checked."""
        row, problems = order_row(data["cells"])
        account = accounts.get(data["account"])
        plan = self.plans.get(data["plan"])
        if row is None:
            raise Invalid([FieldError(p.field, p.code, p.detail) for p in problems])
        if plan is None:
            raise _wrong("plan", "unknown_plan", "The plan is gone.")
        return self._wish(row, the_account(row.account, [account] if account else []), plan)

    def _wish(self, row: OrderRow, account: Account, plan: Plan) -> Wish:
        kind = row.kind or self.order.kind or Kind(plan.kind)
        if kind not in self.order.kinds:
            raise Invalid([FieldError("kind", "forbidden", f"You may not create {kind} licenses.")])
        common = {
            name: value
            for name, value in self.order.terms.items()
            if not (ENDS & set(row.terms) and name in ENDS)
        }
        internal = self.order.internal if row.internal is None else row.internal
        return Wish(account, plan, kind, internal, {**common, **row.terms})

    def _plan(self, row: OrderRow) -> Plan:
        if not row.plan:
            if self.order.plan is None:
                raise _wrong("plan", "required", "Say which plan, here or for the whole list.")
            return self.order.plan
        product = row.product or (self.order.plan.product.product_key if self.order.plan else "")
        fitting = [
            plan
            for plan in self.plans.values()
            if plan.slug == row.plan.lower()
            and product.lower() in {"", plan.product.slug, plan.product.product_key}
        ]
        if not fitting:
            raise _wrong(
                "plan", "unknown_plan", f"There is no plan “{row.plan}”{f' of {product}' if product else ''}."
            )
        if len(fitting) > 1:
            raise _wrong(
                "product", "required", f"Several products have a plan “{row.plan}”. Say which product."
            )
        return fitting[0]

    def _draft(self, wish: Wish, *, actor: str, at: datetime) -> None:
        """Everything that can be said before signing."""
        refuse_closed(wish.plan)
        license_draft(**wish.arguments(), origin=License.Origin.STAFF, actor=actor, at=at)
        if wish.plan.product_id not in self.keyless:
            self.keyless[wish.plan.product_id] = self._keyless(wish.plan)
        if self.keyless[wish.plan.product_id]:
            raise _wrong("plan", NoSigningKey.code, self.keyless[wish.plan.product_id])

    def _keyless(self, plan: Plan) -> str:
        """Why licenses of this plan's product cannot be signed; empty when they can."""
        wanted = Format(self.order.format or plan.product.default_format)
        try:
            active_key(plan.product, SIGNED_WITH.get(wanted, Algorithm(plan.product.algorithm)))
        except NoSigningKey as refusal:
            return refusal.detail
        return ""

    def rows_generate(self, *, job: Job, row_ids: Sequence[int], actor: str, at: datetime) -> None:
        """Make the licenses of waiting rows: together where all of them go well, else each for itself.

        Licenses and rows are one transaction, so that each is made once. Raises as `row_generate`.
        """
        try:
            with transaction.atomic():
                self._together(job, row_ids, actor, at)
        except (Unavailable, OperationalError, InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001 - whose it is, and whether it is a fault of ours, each row tells
            if not isinstance(error, Refusal):
                log.warning("job_rows_one_by_one", job=job.pk, error=repr(error))
            for row_id in row_ids:
                self.row_generate(job=job, row_id=row_id, actor=actor, at=at)

    def _together(self, job: Job, row_ids: Sequence[int], actor: str, at: datetime) -> None:
        """All of the rows or none. Raises the refusal of whichever is found first."""
        rows = list(locked(JobRow.objects.filter(pk__in=row_ids, state=State.WAITING)).order_by("pk"))
        wishes = self._wishes(rows)
        for wish in wishes:
            refuse_closed(wish.plan)
        by: dict[str, Any] = {
            "origin": License.Origin.STAFF,
            "actor": actor,
            "creator": job.creator,
            "at": at,
        }
        drafts = [license_draft(**wish.arguments(), **by) for wish in wishes]
        licenses_grant(
            drafts=drafts, format=self.order.format, persist=self.order.persist, channel=Channel.BULK,
            actor=actor, at=at,
        )  # fmt: skip
        for row, draft in zip(rows, drafts, strict=True):
            row.license, row.state, row.errors = draft, State.DONE, []
        JobRow.objects.bulk_update(rows, ["state", "errors", "license"])

    def row_generate(self, *, job: Job, row_id: int, actor: str, at: datetime) -> None:
        """Make the license of one waiting row; license and row in one transaction, so that it is made once.

        A refusal is kept in the row, and so is a fault of ours, for both leave the other rows alone. Raises what
        concerns every row: Unavailable (no key signs), and errors of the database's connection.
        """
        with transaction.atomic():
            row = locked(JobRow.objects.filter(pk=row_id, state=State.WAITING)).first()
            if row is None:
                return
            try:
                with transaction.atomic():
                    row.license = self._granted(job, row, actor, at)
                    row.state, row.errors = State.DONE, []
            except (Unavailable, OperationalError, InterfaceError):
                raise
            except Refusal as refusal:
                refuse(row, refusal)
            except Exception:
                log.exception("job_row_failed", job=job.pk, row=row.number)
                refuse(row, RowFailed())
            row.save(update_fields=["state", "errors", "license"])

    def _granted(self, job: Job, row: JobRow, actor: str, at: datetime) -> License:
        (wish,) = self._wishes([row])
        granted = license_grant(
            **wish.arguments(), origin=License.Origin.STAFF, format=self.order.format, persist=self.order.persist,
            channel=Channel.BULK, actor=actor, creator=job.creator, at=at,
        )  # fmt: skip
        return granted.license

    def _wishes(self, rows: Sequence[JobRow]) -> list[Wish]:
        """What rows of a job ask for. Raises Invalid for the first that cannot be read."""
        known = {row.data["account"] for row in rows if "account" in row.data}
        accounts = Account.objects.select_related("merged_into").in_bulk(known)
        # a row without one was refused when it was checked, and is tried again
        strange = [line_of(row) for row in rows if "account" not in row.data]
        found = accounts_named(line.cells.get("account", "") for line in strange) if strange else {}
        return [
            self.known_wish(row.data, accounts) if "account" in row.data else self.wish(line_of(row), found)
            for row in rows
        ]


def too_many() -> BadTable:
    """A list that is longer than one job takes."""
    return BadTable("too_many_rows", f"More than {BOUNDS.rows:,} rows. Split the list.")


class RowFailed(Refusal):
    code = "failed"
    title = "This row failed by a fault of ours, which the log tells of. Nothing was made; try it again."


def refuse(row: JobRow, refusal: Refusal) -> None:
    """Keep a refusal in its row, each error under the name of its column."""
    errors = (
        refusal.errors if isinstance(refusal, Invalid) else [FieldError("", refusal.code, refusal.detail)]
    )
    row.state, row.errors = State.REFUSED, errors_json(errors)


def errors_json(errors: Iterable[FieldError]) -> list[dict[str, str]]:
    """Errors as a job's row keeps them."""
    named = ((error.field.partition(".")[0], error) for error in errors)
    return [
        {"field": COLUMN_OF.get(name, name), "code": error.code, "detail": error.detail}
        for name, error in named
    ]


def line_of(row: JobRow) -> Line:
    """A row as it came in."""
    # What was wrong with the row as such, or with its place in the list, is not to be seen in its cells.
    kept = next((error for error in row.errors if error["code"] in {*UNREADABLE, TWICE}), None)
    problem = FieldError(kept["field"], kept["code"], kept["detail"]) if kept else None
    return Line(row.number, row.data["cells"], problem)


def _once(line: Line, seen: dict[str, int]) -> None:
    """Refuse a row that is the same, cell by cell, as one before: it is a slip more often than a wish."""
    first = seen.setdefault(repr(sorted(line.cells.items())), line.number)
    if first != line.number:
        raise _wrong(
            "account",
            "twice",
            f"The same as line {first}. For several licenses give a count, or a comment each.",
        )


def _wrong(column: str, code: str, detail: str) -> Invalid:
    return Invalid([FieldError(column, code, detail)])
