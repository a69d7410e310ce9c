"""Rows of the two tables that staff upload: accounts to make licenses for, and licenses of an older tool (D1).

A row is read into plain values here; whether account, product and plan exist is for the services to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from licenses.domain import cells as cell
from licenses.domain.claims import fingerprint_hash
from licenses.domain.enums import Edition, Kind
from licenses.domain.problems import Problem

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
Reader = Callable[[str], Any]

LIMITS: Final = ("quantity", "seats", "nodes", "machines", "collectors")
MAX_LEGACY_KEY: Final = 200
MAX_NAME: Final = 200
MAX_CREATOR: Final = 72


def _end(text: str) -> datetime | None:
    return None if text.lower() in cell.NO_END else cell.instant(text)


def _text(longest: int) -> Reader:
    def read(text: str) -> str:
        if len(text) > longest:
            raise cell.CellError("too_long", f"{longest} characters at most.")
        return text

    return read


_TERMS: Final[dict[str, Reader]] = {
    "kind": cell.one_of({kind.value: kind for kind in Kind}),
    "edition": cell.one_of({edition.value: edition.value for edition in Edition}),
    **dict.fromkeys(LIMITS, cell.whole),
    "starts": cell.instant,
    "ends": _end,
    "internal": cell.truth,
    "comment": _text(2000),
}
_ORDER: Final[dict[str, Reader]] = {
    "account": _text(MAX_NAME),
    "product": _text(63),
    "plan": _text(63),
    **_TERMS,
    "days": cell.whole,
    "entitlements": cell.entitlements,
    "fingerprint": lambda text: text if _SHA256.fullmatch(text) else fingerprint_hash(text),
}
_LEGACY: Final[dict[str, Reader]] = {
    "product": _text(63),
    "legacy_key": _text(MAX_LEGACY_KEY),
    "account": _text(MAX_NAME),
    "account_name": _text(MAX_NAME),
    "account_kind": cell.one_of({name: name for name in ("customer", "prospect", "internal")}),
    "plan": _text(63),
    **_TERMS,
    "creator": _text(MAX_CREATOR),
    "created": cell.instant,
}
ORDER_COLUMNS: Final = tuple(_ORDER)
LEGACY_COLUMNS: Final = tuple(_LEGACY)
LEGACY_REQUIRED: Final = ("product", "legacy_key", "plan", "starts", "ends")
ALIASES: Final = {
    "customer": "account",
    "customer_id": "account",
    "group": "account",
    "slug": "account",
    "email": "account",
    "e_mail": "account",
    "account_slug": "account",
    "customer_name": "account_name",
    "product_key": "product",
    "license_type": "plan",
    "type": "plan",
    "count": "quantity",
    "start": "starts",
    "starts_at": "starts",
    "end": "ends",
    "ends_at": "ends",
    "expires": "ends",
    "expires_at": "ends",
    "expiry": "ends",
    "modules": "entitlements",
    "created_by": "creator",
    "created_at": "created",
    "legacy_key_id": "legacy_key",
    "legacy_id": "legacy_key",
    "key_id": "legacy_key",
}

# Columns under the names that services and forms know the same thing by.
COLUMN_OF: Final = {
    "starts_at": "starts",
    "expires_at": "ends",
    "perpetual": "ends",
    "customer_id": "account",
    "slug": "account",
    "name": "account_name",
    "fingerprint_sha256": "fingerprint",
}


@dataclass(frozen=True, slots=True)
class OrderRow:
    """A license to make: for whom, from which plan, and the terms that differ from it (`licenses.terms`)."""

    account: str
    product: str = ""
    plan: str = ""
    kind: Kind | None = None
    internal: bool | None = None
    terms: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LegacyRow:
    """A license of the older tool, as it is to be recorded."""

    product: str
    legacy_key: str
    plan: str
    account: str = ""
    account_name: str = ""
    account_kind: str = ""
    kind: Kind | None = None
    internal: bool = False
    creator: str = ""
    created_at: datetime | None = None
    terms: dict[str, Any] = field(default_factory=dict)


def order_row(cells: Mapping[str, str]) -> tuple[OrderRow | None, list[Problem]]:
    """Read one row of a list of accounts; None with the problems when it cannot be read."""
    values, problems = cell.read(cells, _ORDER)
    if "account" not in cells:
        problems.append(Problem("account", "required", "Say which account: slug, customer id or e-mail."))
    if "ends" in values and "days" in values:
        problems.append(Problem("days", "one_of", "Give the end or the days, not both."))
    if problems:
        return None, problems
    terms = _terms(values)
    for column, name in (
        ("days", "days"),
        ("entitlements", "entitlements"),
        ("fingerprint", "fingerprint_sha256"),
    ):
        if column in values:
            terms[name] = values[column]
    return OrderRow(
        account=values["account"], product=values.get("product", ""), plan=values.get("plan", ""),
        kind=values.get("kind"), internal=values.get("internal"), terms=terms,
    ), []  # fmt: skip


def legacy_row(cells: Mapping[str, str]) -> tuple[LegacyRow | None, list[Problem]]:
    """Read one row of an export of the older tool; None with the problems when it cannot be read."""
    values, problems = cell.read(cells, _LEGACY)
    problems += [Problem(name, "required", MISSING[name]) for name in LEGACY_REQUIRED if name not in cells]
    if "account" not in cells and "account_name" not in cells:
        problems.append(Problem("account", "required", MISSING["account"]))
    if problems:
        return None, problems
    return LegacyRow(
        product=values["product"], legacy_key=values["legacy_key"], plan=values["plan"],
        account=values.get("account", ""), account_name=values.get("account_name", ""),
        account_kind=values.get("account_kind", ""), kind=values.get("kind"),
        internal=values.get("internal", False), creator=values.get("creator", ""),
        created_at=values.get("created"), terms=_terms(values),
    ), []  # fmt: skip


MISSING: Final = {
    "product": "Say which product.",
    "legacy_key": "Give the id that the license had in the older tool.",
    "plan": "Say which plan, by its code.",
    "starts": "Say when it starts.",
    "ends": "Say when it ends, or write perpetual.",
    "account": "Say whose it is: slug or customer id, or the name of the account.",
}


def _terms(values: Mapping[str, Any]) -> dict[str, Any]:
    terms = {name: values[name] for name in (*LIMITS, "edition", "comment") if name in values}
    if "starts" in values:
        terms["starts_at"] = values["starts"]
    if "ends" in values:
        terms |= {"perpetual": True} if values["ends"] is None else {"expires_at": values["ends"]}
    return terms
