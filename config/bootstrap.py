"""The first start: from an empty folder or database to something that a person can log in to and use.

Everything here may be run again, also by two processes at once: what exists is left as it is.
"""

from __future__ import annotations

import fcntl
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction

from accounts.models import Account, User
from accounts.services.accounts import account_create
from accounts.services.users import user_create
from billing.errors import SeatLimitExceeded
from billing.services.coupons import coupon_create
from billing.services.offers import offer_create
from history.services import checkpoint_key_ensure
from licenses.domain.enums import Algorithm, Edition, KeyState, Kind
from licenses.gates import CatalogueGuarded, TierCap, standing_of
from licenses.models import Product, SigningKey
from licenses.services.catalogue import plan_create, preset_create, product_create
from licenses.services.keys import key_rotate
from licenses.services.selflicense import selflicense_load
from notifications.models import ExpiryDigest
from notifications.services.digests import DEFAULT_NAME, default_digest_ensure, digest_update
from notifications.setting_rules import address_errors
from trials.services.programs import program_create

ACTOR = "system:bootstrap"
LOCK_NUMBER = 0x5369676E6574
"""Of PostgreSQL's advisory locks; any number that nobody else uses ("Signet" in ASCII)."""
# Without characters that are taken for each other when read from a screen.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"

ENTITLEMENTS = [
    {"slug": "api", "name": "API access", "description": "Programmatic access."},
    {"slug": "sso", "name": "Single sign-on", "description": "SAML and OpenID Connect."},
    {"slug": "audit-log", "name": "Audit log", "description": "Who did what, exportable."},
]
PLANS: tuple[Mapping[str, Any], ...] = tuple(
    map(
        MappingProxyType,
        (
            {
                "slug": "community",
                "name": "Community",
                "edition": Edition.COMMUNITY,
                "duration_days": 365,
                "seats": 5,
                "nodes": 1,
                "tier_rank": 0,
                "public": True,
                "entitlements": {"api": True},
            },
            {
                "slug": "trial",
                "name": "Enterprise trial",
                "edition": Edition.ENTERPRISE,
                "kind": Kind.TRIAL,
                "duration_days": 30,
                "seats": 10,
                "nodes": 1,
                "grace_days": 3,
                "warn_days": 7,
                "public": True,
                "entitlements": {"api": True, "sso": True, "audit-log": True},
            },
            {
                "slug": "enterprise",
                "name": "Enterprise",
                "edition": Edition.ENTERPRISE,
                "duration_days": 365,
                "seats": 50,
                "nodes": 10,
                "tier_rank": 100,
                "public": True,
                "entitlements": {"api": True, "sso": True, "audit-log": True},
            },
        ),
    )
)
# D8, D9: name, plan, and the terms that differ from the plan's
PRESETS: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    ("Test key, 30 days", "enterprise", MappingProxyType({"days": 30, "seats": 1, "nodes": 1})),
    ("Test key, 7 days", "enterprise", MappingProxyType({"days": 7, "seats": 1, "nodes": 1})),
    ("Community test key", "community", MappingProxyType({"days": 30, "seats": 1, "nodes": 1})),
)
# E21, A22: open to anybody, so that the hosted page and the API can be tried at once
PROGRAM: Mapping[str, Any] = MappingProxyType({"slug": "demo", "name": "Demo Platform trial", "public": True})
OFFERS: tuple[Mapping[str, Any], ...] = (
    MappingProxyType(
        {
            "slug": "enterprise-yearly",
            "name": "Enterprise, yearly",
            "interval": "year",
            "amount_minor": 49_000,
            "default_for": "subscription",
            "features": ["50 seats", "Single sign-on", "Audit log"],
        }
    ),
    MappingProxyType(
        {
            "slug": "enterprise-three-years",
            "name": "Enterprise, three years",
            "type": "one_off",
            "pricing": "tiered",
            "amount_minor": 129_000,
            "tiers": (
                {"up_to": 50, "amount_minor": 129_000},
                {"up_to": None, "factor": Decimal("0.02"), "per_unit": True},
            ),
            "term_days": 1095,
            "default_for": "one_off",
            "features": ["50 seats", "Single sign-on", "Audit log"],
        }
    ),
    MappingProxyType(
        {
            "slug": "enterprise-perpetual",
            "name": "Enterprise, for good",
            "type": "one_off",
            "amount_minor": 245_000,
            "term_days": 0,
            "maintenance": "manual",
            "maintenance_amount_minor": 49_000,
            "features": ["50 seats", "A year of new releases", "More years when you like"],
        }
    ),
)
ACCOUNTS: tuple[Mapping[str, Any], ...] = (
    {
        "slug": "acme",
        "name": "Acme Corporation",
        "kind": Account.Kind.CUSTOMER,
        "email": "licenses@acme.example",
    },
    {"slug": "globex", "name": "Globex", "kind": Account.Kind.PROSPECT, "email": "it@globex.example"},
)


@dataclass(slots=True)
class Outcome:
    """What a run did. `password` is there only when this run made the superadmin `email`."""

    done: list[str] = field(default_factory=list)
    email: str = ""
    password: str = field(default="", repr=False)


def bootstrap(
    *, at: datetime, demo: bool, admin_email: str = "", say: Callable[[str], None] = print
) -> Outcome:
    """Migrate, make keys, load the demo into an empty database, make the first superadmin.

    `say` gets a sentence for each thing done. Without `admin_email` no superadmin is made.
    """
    outcome = Outcome()

    def note(sentence: str) -> None:
        outcome.done.append(sentence)
        say(sentence)

    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    with alone():
        call_command("migrate", interactive=False, verbosity=0)
        for sentence in (*keys_ensure(at=at), *(demo_load(at=at) if demo else ())):
            note(sentence)
        for sentence in own_license_load(at=at):
            note(sentence)
        outcome.email, outcome.password = superadmin_ensure(email=admin_email, at=at)
        for sentence in digest_ensure(outcome, at=at):
            note(sentence)
    return outcome


@contextmanager
def alone() -> Iterator[None]:
    """Wait until no other process bootstraps the same database. Held by the kernel or the server, so that
    it ends with the process whatever happens.
    """
    statements = {
        "postgresql": (
            f"SELECT pg_advisory_lock({LOCK_NUMBER})",
            f"SELECT pg_advisory_unlock({LOCK_NUMBER})",
        ),
        "mysql": ("SELECT GET_LOCK('signet-bootstrap', 600)", "SELECT RELEASE_LOCK('signet-bootstrap')"),
    }.get(connection.vendor)
    if statements is None:
        with (settings.DATA_DIR / "bootstrap.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        return
    with connection.cursor() as cursor:
        cursor.execute(statements[0])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(statements[1])


def keys_ensure(*, at: datetime) -> Iterator[str]:
    """Make the shared signing keys and the checkpoint key that are not there; yield a sentence for each.

    A key that staff retired or revoked is not replaced: that is a decision, and theirs.
    """
    for algorithm in (Algorithm.RS256, Algorithm.EDDSA):
        known = SigningKey.objects.filter(product=None, algorithm=algorithm).exclude(state=KeyState.STAGED)
        if not known.exists():
            key = key_rotate(algorithm=algorithm, actor=ACTOR, at=at)
            yield f"Made the {algorithm.value} signing key {key.kid}."
    checkpoint_key_ensure(actor=ACTOR, at=at)


def own_license_load(*, at: datetime) -> Iterator[str]:
    """Take up the key that environment or file hold, offline (C1); yield a sentence when there is one.

    A bad one stops nothing: it grants nothing, and says why (C2).
    """
    row = selflicense_load(actor=ACTOR, at=at)
    if row.key_sha256:
        now = standing_of(row, at)
        yield f"License of this installation: tier {now.tier.capitalize()}, guard {now.guard}."


def demo_load(*, at: datetime) -> list[str]:
    """Load a small catalogue and two accounts, all or nothing, if there is neither product nor account.

    Where our own license stands in the way it is left out: that stops no start (C2).
    """
    if Product.objects.exists() or Account.objects.exists():
        return []
    try:
        with transaction.atomic():
            _demo_make(at)
    except (CatalogueGuarded, TierCap, SeatLimitExceeded) as refusal:
        return [f"Left the demo out. {refusal.detail}"]
    return ["Loaded the demo: product demo with its plans, offers and trial, accounts acme and globex."]


def _demo_make(at: datetime) -> None:
    product = product_create(
        product_key="demo",
        name="Demo Platform",
        entitlement_catalogue=ENTITLEMENTS,
        actor=ACTOR,
        at=at,
    )
    plans = {row["slug"]: plan_create(product=product, actor=ACTOR, at=at, **row) for row in PLANS}
    for position, (name, plan, terms) in enumerate(PRESETS):
        preset_create(
            name=name,
            plan=plans[plan],
            kind=Kind.TEST,
            defaults=dict(terms),
            position=position,
            actor=ACTOR,
            at=at,
        )
    program_create(product=product, plan=plans["trial"], default=True, **PROGRAM, actor=ACTOR, at=at)
    for position, offer in enumerate(OFFERS):
        seats = plans["enterprise"].seats
        offer_create(
            plan=plans["enterprise"], default_seats=seats, position=position, **offer, actor=ACTOR, at=at
        )
    coupon_create(code="WELCOME20", percent_bps=2_000, actor=ACTOR, at=at)
    for row in ACCOUNTS:
        account_create(**row, actor=ACTOR, at=at)


def superadmin_ensure(*, email: str, at: datetime) -> tuple[str, str]:
    """Return address and password of the first superadmin; the password is empty unless it was made now.

    Nobody is made when there is one already, nor when `email` is empty.
    """
    present = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
    if present is not None:
        return present.email, ""
    if not email:
        return "", ""
    password = "-".join("".join(secrets.choice(ALPHABET) for _ in range(5)) for _ in range(4))
    user = user_create(
        email=email, name="Administrator", password=password, is_superuser=True, actor=ACTOR, at=at
    )
    return user.email, password


def digest_ensure(outcome: Outcome, *, at: datetime) -> Iterator[str]:
    """Set up the daily digest of what expires, for the superadmin; yield a sentence when something was done.

    Where it was set up before there was anybody, the first superadmin becomes its recipient.
    """
    recipients = [outcome.email] if outcome.email and not any(address_errors("", [outcome.email])) else []
    if default_digest_ensure(recipients=recipients, actor=ACTOR, at=at) is not None:
        yield f"Set up the daily expiry digest for {recipients[0] if recipients else 'nobody yet'}."
    elif outcome.password and recipients:
        for digest in ExpiryDigest.objects.filter(name=DEFAULT_NAME):
            if not digest.recipients:
                digest_update(digest=digest, recipients=recipients, actor=ACTOR, at=at)
                yield f"{outcome.email} receives the expiry digest {digest.name}."
