"""Reads of the license office. Nothing here writes."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Max, QuerySet
from django.db.models.functions import Coalesce

from config.kit import ids
from config.kit.api.principals import Principal
from config.kit.errors import NotFound
from config.kit.statements import Select
from licenses.domain.enums import Algorithm, KeyState, LicenseStatus, Posture
from licenses.domain.keys import KeySet, VerificationKey, load_public_pem, public_jwk
from licenses.errors import NoSigningKey, UnknownPlan, UnknownProduct
from licenses.models import Issuance, License, Plan, Product, SigningKey
from licenses.models.licenses import LicenseQuerySet

# Sealed, and nobody needs them to look at an issuance.
UNREAD = ("artifact", "signing_key__private_sealed")
PUBLISHED = (KeyState.STAGED, KeyState.ACTIVE, KeyState.RETIRED)


# --- licenses ----------------------------------------------------------------------------------------


def licenses_for(principal: Principal) -> LicenseQuerySet:
    """The licenses this caller may know of: all of them, or those of its groups (E22)."""
    rows = License.objects.with_relations()
    if principal.sees_every_group:
        return rows
    return rows.filter(account__slug__in=principal.groups)


def license_get(public_id: str, principal: Principal) -> License:
    """One license by its `L-` id. Another account's license answers like an unknown one: NotFound."""
    uid = ids.parse_license_id(public_id)
    row = next(iter(_BY_UID.rows(uid=uid)), None) if uid else None
    if row is None or not principal.may_see_group(row.account.slug):
        raise NotFound(f"There is no license {public_id[:40]}.")
    return row


_BY_UID = Select(lambda uid: License.objects.with_relations().filter(uid=uid), uid=UUID(int=1))


def latest_issuance(license: License) -> Issuance | None:  # noqa: A002 - the word of the vocabulary
    """The newest issuance of a license, None when it was never signed."""
    rows = license.issuances.select_related("signing_key").defer(*UNREAD)
    return rows.order_by("-id").first()


def issuances_for(principal: Principal) -> QuerySet[Issuance]:
    """Issuances of the licenses this caller may know of."""
    rows = Issuance.objects.select_related("license", "license__account", "signing_key").defer(*UNREAD)
    return rows if principal.sees_every_group else rows.filter(license__account__slug__in=principal.groups)


def live_license_of(
    account_id: int, product_id: int, plan_id: int, *, kind: str | None = None
) -> License | None:
    """The active license of an account for this product and plan, newest first (E2: existing → 200)."""
    rows = License.objects.with_relations().filter(
        account_id=account_id, product_id=product_id, plan_id=plan_id, status=LicenseStatus.ACTIVE
    )
    return (rows.filter(kind=kind) if kind else rows).order_by("-id").first()


def licenses_beside(license: License, at: datetime) -> QuerySet[License]:  # noqa: A002 - the word of the vocabulary
    """The account's other live licenses that end later than this one, the soonest first."""
    after = max(license.expires_at or at, at)
    rows = License.objects.select_related("product", "plan").filter(
        account=license.account_id, status=LicenseStatus.ACTIVE, expires_at__gt=after
    )
    return rows.exclude(pk=license.pk).order_by("expires_at", "pk")


# --- catalogue ---------------------------------------------------------------------------------------


def product_by_key(product_key: str) -> Product:
    """Raises UnknownProduct (400)."""
    product = Product.objects.filter(product_key=product_key, active=True).first()
    if product is None:
        raise UnknownProduct(f"There is no product with the key {product_key[:80]!r}.")
    return product


def plan_by_code(product: Product, code: str) -> Plan:
    """Raises UnknownPlan (400)."""
    plan = Plan.objects.select_related("product").filter(product=product, slug=code).first()
    if plan is None:
        raise UnknownPlan(f"{product.name} has no plan {code[:80]!r}.")
    return plan


# --- keys --------------------------------------------------------------------------------------------


def key_slot(product_id: int | None, algorithm: str) -> str:
    """The place that one active key holds: a product's own, or the shared one."""
    return f"{product_id or 'shared'}:{algorithm}"


def active_key(product: Product, algorithm: Algorithm) -> SigningKey:
    """The key that signs for a product: its own before the shared one. Raises NoSigningKey (503)."""
    own, shared = key_slot(product.pk, algorithm), key_slot(None, algorithm)
    keys = {key.slot: key for key in SigningKey.objects.filter(slot__in=(own, shared))}
    key = keys.get(own) or keys.get(shared)
    if key is None:
        raise NoSigningKey(f"No active {algorithm} key signs for {product.name}.")
    return key


def published_keys(product: Product | None = None) -> QuerySet[SigningKey]:
    """Keys a deployment may trust: staged ahead of use, active and retired; never revoked ones."""
    rows = SigningKey.objects.select_related("product").filter(state__in=PUBLISHED).order_by("pk")
    if product is None:
        return rows
    return rows.filter(product=product) | rows.filter(product=None)


def jwks(product: Product | None = None) -> dict[str, list[dict[str, Any]]]:
    """The published keys as a JWK Set (RFC 7517): public members only."""
    return {
        "keys": [
            public_jwk(load_public_pem(key.public_pem), key.kid, Algorithm(key.algorithm))
            for key in published_keys(product)
        ]
    }


def verification_key(key: SigningKey) -> VerificationKey:
    """The domain's view of a key row."""
    return VerificationKey(
        key.kid,
        Algorithm(key.algorithm),
        load_public_pem(key.public_pem),
        state=KeyState(key.state),
        audiences=frozenset({key.product.audience}) if key.product else None,
    )


def key_set() -> KeySet:
    """Every key we ever signed with, revoked ones with their state, for our own verifier."""
    return KeySet(
        verification_key(key) for key in SigningKey.objects.select_related("product").order_by("pk")
    )


def live_licenses_of_key(key: SigningKey) -> LicenseQuerySet:
    """Licenses that have not ended, whose newest issuance was signed with this key.

    Suspended ones are among them: reinstated, they need a key that verifies.
    """
    alive = (LicenseStatus.ACTIVE, LicenseStatus.SUSPENDED)
    signed = License.objects.filter(status__in=alive, issuances__signing_key=key)
    newest = (
        Issuance.objects.filter(license__in=signed.values("pk"))
        .values("license")
        .annotate(newest=Coalesce(Max("pk"), 0))
        .values("newest")
    )
    rows = License.objects.filter(
        status__in=alive, issuances__in=Issuance.objects.filter(pk__in=newest, signing_key=key)
    )
    # Past its grace, as the last sweep saw it, a license needs no key any more.
    return rows.exclude(posture=Posture.READ_ONLY)
