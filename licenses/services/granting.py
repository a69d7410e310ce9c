"""A license for an account that exists or is opened with it, and the quick test key (D3, D8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Case, IntegerField, QuerySet, Value, When

from accounts.models import Account, User
from accounts.services.accounts import account_create
from accounts.services.idempotency import form_once
from accounts.services.importing import account_draft
from config.kit.errors import FieldError, Invalid
from licenses.claims import ToSign, claims_of
from licenses.domain.claim_words import OWN
from licenses.domain.enums import Algorithm, Format, Kind
from licenses.models import Channel, License, Plan, Preset, Product
from licenses.selectors import active_key
from licenses.services.issuing import Granted, license_draft, license_grant, refuse_closed
from licenses.services.signing import SIGNED_WITH, refuse_unless_issuable

TEST_TERMS = {"days": 30, "seats": 1, "nodes": 1}


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to be opened together with its first license."""

    name: str
    kind: str = Account.Kind.PROSPECT
    email: str = ""


def license_grant_to(
    *,
    account: Account | NewAccount,
    plan: Plan,
    terms: Mapping[str, Any],
    kind: Kind | None = None,
    internal: bool = False,
    format: Format | None = None,  # noqa: A002 - the word of the vocabulary
    persist: bool | None = None,
    actor: str,
    creator: User,
    form_key: str = "",
    at: datetime,
) -> Granted:
    """Create and sign a license as staff ask for it, with its account when that is new: all or nothing.

    What a form with a key asks for happens once, however often it is sent.
    Raises what `license_grant` and `account_create` raise, and FormSentBefore.
    """
    with transaction.atomic():
        if form_key:
            form_once(client=f"form:{actor}", key=form_key, at=at)
        if isinstance(account, NewAccount):
            account = account_create(
                name=account.name, kind=account.kind, email=account.email, actor=actor, at=at
            )
        return license_grant(
            account=account, plan=plan, terms=terms, kind=kind, internal=internal, origin=License.Origin.STAFF,
            format=format, persist=persist, channel=Channel.ADMIN, actor=actor, creator=creator, at=at,
        )  # fmt: skip


def quick_grant(
    *,
    account: Account | NewAccount,
    product: Product | None = None,
    preset: Preset | None = None,
    actor: str,
    creator: User,
    at: datetime,
) -> Granted:
    """Make a test key (D8): by a preset's terms, or for 30 days with 1 seat and 1 node of a product's plan."""
    plan, terms = (preset.plan, preset.defaults) if preset else (quick_plan(product), TEST_TERMS)
    return license_grant_to(
        account=account, plan=plan, terms=terms, kind=Kind.TEST, actor=actor, creator=creator, at=at
    )


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be signed: the license, its claims without those of one key alone, and the key and format."""

    license: License
    claims: dict[str, Any]
    kid: str
    format: Format


def license_preview(
    *,
    account: Account | NewAccount,
    plan: Plan,
    terms: Mapping[str, Any],
    kind: Kind | None = None,
    internal: bool = False,
    format: Format | None = None,  # noqa: A002 - the word of the vocabulary
    actor: str,
    at: datetime,
) -> Preview:
    """Say what `license_grant_to` would sign, and write nothing. Raises what it would raise, but for the format."""
    if isinstance(account, NewAccount):
        account = account_draft(name=account.name, kind=account.kind, email=account.email, at=at)
    refuse_closed(plan)
    row = license_draft(
        account=account, plan=plan, terms=terms, kind=kind, internal=internal, origin=License.Origin.STAFF,
        actor=actor, at=at,
    )  # fmt: skip
    reading = ToSign.of(row)
    refuse_unless_issuable(reading, at)
    wanted = Format(format or plan.product.default_format)
    key = active_key(plan.product, SIGNED_WITH.get(wanted, Algorithm(plan.product.algorithm)))
    claims = claims_of(reading, jti=row.uid, at=at).to_payload()
    return Preview(row, {name: claims[name] for name in claims if name not in OWN}, key.kid, wanted)


def quick_products() -> QuerySet[Product]:
    """Products with a plan that a test key can be cut from."""
    plans = Plan.objects.filter(active=True, archived=False)
    return Product.objects.filter(active=True, pk__in=plans.values("product")).order_by("pk")


def quick_plan(product: Product | None) -> Plan:
    """The plan that a test key is cut from: one for tests, else for trials, else any (of the first product)."""
    order = Case(
        When(kind=Kind.TEST, then=Value(0)), When(kind=Kind.TRIAL, then=Value(1)),
        default=Value(2), output_field=IntegerField(),
    )  # fmt: skip
    product = product or quick_products().first()
    plans = Plan.objects.select_related("product").filter(product=product, active=True, archived=False)
    plan = plans.order_by(order, "pk").first()
    if plan is None:
        raise Invalid([FieldError("product", "no_plan", "No plan is open for new licenses. Make one first.")])
    return plan
