"""Counts for the first page (D11). Each comes with the filters of the list that it counts.

What "counts" is neither a test key nor internal (D4): those are shown apart. One grouped statement gives
status, kind and product together; months and accounts are read from indexes. Months are of keys: their list is
that of issuances, all others are of licenses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncMonth

from accounts.models import Account
from licenses.domain.enums import Kind, LicenseStatus
from licenses.models import Issuance, License, Product

MONTHS = 12
TOP = 10


@dataclass(frozen=True, slots=True)
class Figure:
    """A name, a number, and the filters of the list behind it."""

    name: str
    count: int
    filters: dict[str, str]


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that the first page says of licenses."""

    statuses: tuple[Figure, ...]
    kinds: tuple[Figure, ...]
    products: tuple[Figure, ...]
    apart: tuple[Figure, ...]
    ends: tuple[Figure, ...]
    months: tuple[Figure, ...]
    accounts: tuple[Figure, ...]

    def to_json(self) -> dict[str, Any]:
        """As they are kept."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Figures:
        """As they were counted. Raises TypeError for what is not such a document."""
        return cls(**{name: tuple(Figure(**figure) for figure in figures) for name, figures in kept.items()})


COUNTING = {"counts": "yes"}


def counting(path: str = "") -> Q:
    """Neither test nor internal: what `counts=yes` filters the list by. `path` leads to the license."""
    return Q(**{f"{path}internal": False}) & ~Q(**{f"{path}kind": Kind.TEST})


def sold(path: str = "") -> Q:
    """Commercial, and internal neither by itself nor by its account: what `counts=sold` filters the list by."""
    is_sold = Q(**{f"{path}internal": False, f"{path}kind": Kind.COMMERCIAL})
    return is_sold & ~Q(**{f"{path}account__kind": Account.Kind.INTERNAL})


def is_counted(row: License) -> bool:
    """Neither a test key nor internal, be it by itself or by its account."""
    return not row.internal and row.kind != Kind.TEST and row.account.kind != Account.Kind.INTERNAL


def is_sold(row: License) -> bool:
    """As `sold`, of one license."""
    return is_counted(row) and row.kind == Kind.COMMERCIAL


def license_figures(at: datetime, *, ends: Callable[[str, datetime], Q]) -> Figures:
    """Count at an instant. `ends` is what the list's filter by end means by a value."""
    rows = [
        _Group(*found)
        for found in License.objects.order_by()
        .values_list("product", "kind", "internal", "status")
        .annotate(count=Count("*"))
    ]
    counted = [row for row in rows if not row.internal and row.kind != Kind.TEST]
    return Figures(
        statuses=tuple(
            Figure(
                status.value.capitalize(),
                sum(row.count for row in counted if row.status == status),
                {**COUNTING, "status__exact": status.value},
            )
            for status in LicenseStatus
        ),
        kinds=tuple(
            Figure(
                kind.value.capitalize(),
                sum(row.count for row in counted if row.kind == kind),
                {**COUNTING, "kind__exact": kind.value},
            )
            for kind in Kind
            if kind != Kind.TEST
        ),
        products=_products(counted),
        apart=(
            Figure(
                "Test keys", sum(row.count for row in rows if row.kind == Kind.TEST), {"kind__exact": "test"}
            ),
            Figure("Internal", sum(row.count for row in rows if row.internal), {"internal__exact": "1"}),
        ),
        ends=tuple(_ending(value, name, at, ends) for value, name in _ENDS),
        months=_months(at),
        accounts=_accounts(),
    )


@dataclass(frozen=True, slots=True)
class _Group:
    product: int
    kind: str
    internal: bool
    status: str
    count: int


_ENDS = (
    ("7", "Expiring in 7 days"),
    ("30", "Expiring in 30 days"),
    ("90", "Expiring in 90 days"),
    ("-30", "Expired in the last 30 days"),
)


def _ending(value: str, name: str, at: datetime, ends: Callable[[str, datetime], Q]) -> Figure:
    rows = License.objects.filter(counting(), ends(value, at), status=LicenseStatus.ACTIVE)
    return Figure(
        name, rows.count(), {**COUNTING, "status__exact": LicenseStatus.ACTIVE.value, "ends": value}
    )


def _products(counted: list[_Group]) -> tuple[Figure, ...]:
    sums: dict[int, int] = {}
    for row in counted:
        sums[row.product] = sums.get(row.product, 0) + row.count
    names = dict(Product.objects.values_list("pk", "name"))
    found = [
        Figure(names[pk], count, {**COUNTING, "product__id__exact": str(pk)}) for pk, count in sums.items()
    ]
    return tuple(sorted(found, key=lambda figure: (-figure.count, figure.name)))


def _months(at: datetime) -> tuple[Figure, ...]:
    """Keys issued in each of the last twelve months, the present one to its end: every signed snapshot."""
    firsts = [_month(at.year, at.month - back) for back in reversed(range(MONTHS))]
    since = datetime(firsts[0].year, firsts[0].month, 1, tzinfo=UTC)
    issued: QuerySet[Issuance] = Issuance.objects.filter(counting("license__"), issued_at__gte=since)
    found = {
        month.date(): count
        for month, count in issued.annotate(month=TruncMonth("issued_at", tzinfo=UTC))
        .order_by()
        .values_list("month")
        .annotate(Count("pk"))
    }
    return tuple(
        Figure(
            f"{first:%b %Y}",
            found.get(first, 0),
            {**COUNTING, "issued_at_from": first.isoformat(), "issued_at_to": _last_day(first).isoformat()},
        )
        for first in firsts
    )


def _month(year: int, month: int) -> date:
    return date(year + (month - 1) // 12, (month - 1) % 12 + 1, 1)


def _last_day(first: date) -> date:
    return date.fromordinal(_month(first.year, first.month + 1).toordinal() - 1)


def _accounts() -> tuple[Figure, ...]:
    """The accounts with most licenses that count. They get their names when there are no more than these."""
    rows = License.objects.filter(counting()).order_by().values_list("account").annotate(count=Count("*"))
    largest = list(rows.order_by("-count", "account")[:TOP])
    accounts = Account.objects.in_bulk([pk for pk, _ in largest])
    return tuple(
        Figure(accounts[pk].name, count, {**COUNTING, "account": accounts[pk].slug})
        for pk, count in largest
        if pk in accounts
    )
