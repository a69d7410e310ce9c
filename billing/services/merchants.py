"""Merchant profiles: whom a buyer pays (C32). Exactly one is the default; its secrets are sealed and never shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from billing.domain.redirects import is_host
from billing.errors import Exists, InUse
from billing.models import MerchantProfile
from config.kit.errors import FieldError, Invalid
from config.kit.locks import locked
from config.kit.sealing import reseal, seal
from config.kit.validation import check_fields
from history.domain.kinds import Kind
from history.services import record
from licenses.domain.tier_caps import Cap
from licenses.gates import cap_require, catalogue_guard

FIELDS = frozenset(
    {
        "slug", "name", "stripe_account", "brand", "support_email", "mail_from", "redirect_hosts", "success_url",
        "cancel_url",
    }
)  # fmt: skip
KEY_PREFIXES = ("sk_", "rk_")
SECRET_PREFIX = "whsec_"  # noqa: S105 - how every one of them begins
MOST_SECRETS = 5
MOST_HOSTS = 50


class DefaultStays(InUse):
    code = "default_merchant"
    title = "The default profile stays; make another one the default first."


def merchant_create(
    *, api_key: str = "", webhook_secrets: Iterable[str] = (), actor: str, at: datetime, **fields: Any
) -> MerchantProfile:
    """Add a profile. Key and webhook secrets are sealed; nothing shows them again.

    Raises Invalid, Exists, TierCap (402, C13), CatalogueGuarded (403, E27), as everything here does.
    """
    catalogue_guard(at)
    row = MerchantProfile(**_known(fields), created_at=at)
    _seal(row, api_key, webhook_secrets)
    _check(row)
    with transaction.atomic():
        cap_require(Cap.MERCHANTS, at=at)
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError as error:
            raise Exists(f"There is a merchant profile {row.slug} already.") from error
        _record(Kind.MERCHANT_CREATED, row, sorted({*fields, *_sealed_names(row)}), actor, at)
    return row


def merchant_update(
    *,
    merchant: MerchantProfile,
    api_key: str | None = None,
    webhook_secrets: Iterable[str] | None = None,
    actor: str,
    at: datetime,
    **fields: Any,
) -> MerchantProfile:
    """Change a profile. A key or secrets of None stay; empty ones are taken away. Raises Invalid, Exists."""
    catalogue_guard(at)
    if fields.get("slug", merchant.slug) != merchant.slug:
        raise Invalid(
            [FieldError("slug", "fixed", "The webhook address of this profile has its name in it.")]
        )
    with transaction.atomic():
        row = locked(MerchantProfile.objects.filter(pk=merchant.pk)).get()
        changed = sorted(name for name, value in _known(fields).items() if getattr(row, name) != value)
        for name in changed:
            setattr(row, name, fields[name])
        changed += _seal(row, api_key, webhook_secrets)
        _check(row)
        if changed:
            row.save(update_fields=changed)
            _record(Kind.MERCHANT_CHANGED, row, changed, actor, at)
    return row


def merchant_make_default(*, merchant: MerchantProfile, actor: str, at: datetime) -> MerchantProfile:
    """Let this profile sell what names none; the one before no longer does. Exactly one is the default."""
    catalogue_guard(at)
    with transaction.atomic():
        rows = {row.pk: row for row in locked(MerchantProfile.objects.order_by("pk"))}
        row = rows[merchant.pk]
        if row.is_default:
            return row
        MerchantProfile.objects.filter(is_default=True).update(is_default=False)
        row.is_default = True
        row.save(update_fields=["is_default"])
        _record(Kind.MERCHANT_CHANGED, row, ["is_default"], actor, at)
    return row


def merchant_delete(*, merchant: MerchantProfile, actor: str, at: datetime) -> None:
    """Remove a profile that nothing refers to. Raises DefaultStays, InUse (409)."""
    catalogue_guard(at)
    with transaction.atomic():
        row = locked(MerchantProfile.objects.filter(pk=merchant.pk)).get()
        if row.is_default:
            raise DefaultStays
        _record(Kind.MERCHANT_DELETED, row, [], actor, at)
        try:
            with transaction.atomic():
                row.delete()
        except ProtectedError as error:
            what = sorted({str(one._meta.verbose_name_plural) for one in error.protected_objects})
            raise InUse(f"This profile is used by {', '.join(what)}.") from error


def merchant_default_ensure() -> MerchantProfile:
    """Make the default profile where there is none: it sells with key and secrets of the settings."""
    row = MerchantProfile.objects.filter(is_default=True).first()
    if row is None:
        # two processes that migrate at once: one of them finds what the other made
        row, _ = MerchantProfile.objects.get_or_create(
            slug="default", defaults={"name": "Default", "is_default": True}
        )
    return row


def merchants_reseal() -> int:
    """Seal keys and secrets again under the first key-encryption key; return how many rows. Safe to repeat."""
    done = 0
    for pk in MerchantProfile.objects.values_list("pk", flat=True):
        with transaction.atomic():
            row = locked(MerchantProfile.objects.filter(pk=pk)).get()
            names = _sealed_names(row)
            for name in names:
                setattr(row, name, reseal(bytes(getattr(row, name))))
            row.save(update_fields=names)
            done += bool(names)
    return done


def _seal(row: MerchantProfile, api_key: str | None, webhook_secrets: Iterable[str] | None) -> list[str]:
    """Put the secrets that are given; return the names of what changed. Raises Invalid."""
    changed = []
    if api_key is not None and (api_key or row.api_key):
        if api_key and not (api_key.startswith(KEY_PREFIXES) and api_key.isascii() and api_key.isprintable()):
            raise Invalid(
                [FieldError("api_key", "malformed", "A secret key of Stripe begins with sk_ or rk_.")]
            )
        row.api_key = seal(api_key.encode()) if api_key else None
        changed.append("api_key")
    lines = None if webhook_secrets is None else [text.strip() for text in webhook_secrets if text.strip()]
    if lines is not None and (lines or row.webhook_secrets):
        good = all(line.startswith(SECRET_PREFIX) and line.isascii() and line.isprintable() for line in lines)
        if not good or len(lines) > MOST_SECRETS:
            detail = (
                f"A signing secret of Stripe begins with {SECRET_PREFIX}; at most {MOST_SECRETS}, one a line."
            )
            raise Invalid([FieldError("webhook_secrets", "malformed", detail)])
        row.webhook_secrets = seal("\n".join(lines).encode()) if lines else None
        changed.append("webhook_secrets")
    return changed


def _sealed_names(row: MerchantProfile) -> list[str]:
    return [name for name in ("api_key", "webhook_secrets") if getattr(row, name)]


def _check(row: MerchantProfile) -> None:
    check_fields(row, FIELDS)
    hosts = row.redirect_hosts
    if not isinstance(hosts, list) or len(hosts) > MOST_HOSTS or not all(_is_host(host) for host in hosts):
        detail = f"At most {MOST_HOSTS} names such as shop.example.com or localhost:3000, without https://."
        raise Invalid([FieldError("redirect_hosts", "malformed", detail)])
    if "\n" in row.mail_from or "\r" in row.mail_from:
        raise Invalid([FieldError("mail_from", "malformed", "One line.")])


def _is_host(entry: object) -> bool:
    return isinstance(entry, str) and is_host(entry)


def _known(fields: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(fields) - FIELDS)
    if unknown:
        raise Invalid([FieldError(name, "unknown_field", f"There is no field {name}.") for name in unknown])
    return dict(fields)


def _record(kind: Kind, row: MerchantProfile, changed: list[str], actor: str, at: datetime) -> None:
    record(
        kind=kind,
        subject=f"merchant:{row.slug}",
        actor=actor,
        data={"fields": changed, "default": row.is_default},
        at=at,
    )
