"""From a plan and what differs from it to the checked terms of a license."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from config.kit.errors import FieldError, Invalid
from licenses.domain.claims import is_web_address
from licenses.domain.entitlements import parse
from licenses.domain.enums import Kind
from licenses.domain.licenses import LicenseTerms, license_problems
from licenses.models import License, Plan

LIMIT_FIELDS = ("quantity", "seats", "nodes", "machines", "collectors")
# What a re-issue may change. The start is history, and the end moves by renewal only.
CHANGEABLE = frozenset(
    {
        *LIMIT_FIELDS, "edition", "entitlements", "warn_days", "grace_days", "fingerprint_sha256",
        "prefer_online", "online_url", "comment", "crm_ref",
    }
)  # fmt: skip
TERMS = CHANGEABLE | {"starts_at", "expires_at", "perpetual", "days"}
MAX_DAYS = 36_525
TEXT_LIMITS = {"comment": 2000, "crm_ref": 100, "online_url": 200}


def terms_from_plan(
    plan: Plan, overrides: Mapping[str, Any], *, kind: Kind | None, at: datetime
) -> dict[str, Any]:
    """Return the field values of a new license: the plan's, changed by `overrides`.

    Overrides are the names of `TERMS`; the end is `expires_at`, `days` from the start, or `perpetual`.
    Raises Invalid for unknown names and contradictions.
    """
    refuse_unknown(overrides, TERMS)
    values: dict[str, Any] = {
        "edition": plan.edition,
        "quantity": 1,
        "seats": plan.seats,
        "nodes": plan.nodes,
        "machines": plan.machines,
        "collectors": plan.collectors,
        "entitlements": dict(plan.entitlements),
        "warn_days": plan.warn_days,
        "grace_days": plan.grace_days,
        "starts_at": at,
        **{name: value for name, value in overrides.items() if name not in {"perpetual", "days"}},
    }
    # Tokens count whole seconds; row and token must agree on the very instant.
    values["starts_at"] = values["starts_at"].replace(microsecond=0)
    values["kind"] = kind or Kind(plan.kind)
    values["expires_at"] = _end(plan, overrides, values["starts_at"])
    return values


def _end(plan: Plan, overrides: Mapping[str, Any], starts_at: datetime) -> datetime | None:
    # by identity: 0 days equal False, and would be no wish at all
    ends = [
        name
        for name in ("expires_at", "days", "perpetual")
        if overrides.get(name) is not None and overrides[name] is not False
    ]
    if len(ends) > 1:
        raise Invalid([FieldError(ends[1], "one_of", "Give only one of expires_at, days and perpetual.")])
    if overrides.get("perpetual"):
        return None
    if overrides.get("expires_at") is not None:
        end: datetime = overrides["expires_at"]
        return end.replace(microsecond=0)
    days = overrides.get("days")
    days = plan.duration_days if days is None else days
    if type(days) is not int or not 0 <= days <= MAX_DAYS or (days == 0 and "days" in ends):
        raise Invalid([FieldError("days", "out_of_range", f"From 1 to {MAX_DAYS} days.")])
    try:
        return starts_at + timedelta(days=days) if days else None
    except OverflowError as error:
        raise Invalid([FieldError("starts_at", "out_of_range", "The term ends beyond year 9999.")]) from error


def refuse_unknown(values: Mapping[str, Any], known: frozenset[str]) -> None:
    """Raise Invalid naming every field that may not be given."""
    unknown = sorted(set(values) - known)
    if unknown:
        raise Invalid(
            [FieldError(name, "unknown_field", f"{name} cannot be given here.") for name in unknown]
        )


def check_terms(row: License) -> None:
    """Raise Invalid with every problem of a license row (A1, C20); tidy its entitlements."""
    terms = LicenseTerms(
        customer_id=row.account.customer_id,
        edition=row.edition,
        kind=row.kind,
        starts_at=row.starts_at,
        expires_at=row.expires_at,
        perpetual=row.expires_at is None,
        **{name: getattr(row, name) for name in (*LIMIT_FIELDS, "warn_days", "grace_days")},
        entitlements=row.entitlements,
        fingerprint_sha256=row.fingerprint_sha256 or None,
        plan=row.plan_code,
        plan_kind=row.plan.kind,
    )
    problems = [
        FieldError(p.field, p.code, p.detail) for p in license_problems(terms, row.product.entitlement_slugs)
    ]
    problems += _text_problems(row)
    if problems:
        raise Invalid(problems)
    row.entitlements = parse(row.entitlements)


def _text_problems(row: License) -> list[FieldError]:
    problems = [
        FieldError(name, "too_long", f"{limit} characters at most.")
        for name, limit in TEXT_LIMITS.items()
        if len(getattr(row, name)) > limit
    ]
    if row.online_url and not is_web_address(row.online_url):
        problems.append(FieldError("online_url", "bad_url", "An http or https address is needed."))
    if row.prefer_online and not row.online_url:
        problems.append(FieldError("online_url", "required", "Say where to validate online."))
    return problems
