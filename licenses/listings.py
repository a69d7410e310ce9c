"""Reads for the API's pages: what stands in a list or under a path, for the caller who asks."""

from __future__ import annotations

import base64
import uuid

from django.db.models import Case, Q, QuerySet, Value, When

from accounts.models import Account
from accounts.selectors import account_find, account_seen, accounts_for, customer_ids, customer_ids_of
from config.kit import ids
from config.kit.api.principals import Principal
from config.kit.errors import FieldError, Forbidden, Invalid, NotFound
from history.models import Checkpoint, Event
from licenses.models import Issuance, License, Plan, Preset, Product, Renewal, SigningKey
from licenses.models.licenses import LicenseQuerySet
from licenses.selectors import issuances_for, licenses_for, published_keys

_KEPT = Case(When(artifact__isnull=False, then=Value(True)), default=Value(False))
ID_BITS = 128
BITS_A_LETTER = 5
# what is sealed stays in its table until it is asked for by name
UNREAD = ("artifact", "supersedes__artifact", "signing_key__private_sealed")


# --- licenses ----------------------------------------------------------------------------------------


def uid_range(prefix: str) -> tuple[uuid.UUID, uuid.UUID] | None:
    """The least and greatest UUID of the license ids that begin so; None when no id does.

    An id is the base32 of its UUID, so a prefix of n letters fixes 5n bits and the index can be used.
    """
    letters = prefix[2:].upper()
    if prefix[:2].upper() != "L-" or len(letters) * BITS_A_LETTER > ID_BITS + 2:
        return None
    try:
        low, high = (
            int.from_bytes(base64.b32decode(letters + fill * (32 - len(letters)))) >> 160 - ID_BITS
            for fill in "A7"
        )
    except ValueError:
        return None
    return uuid.UUID(int=low), uuid.UUID(int=high)


def licenses_like(rows: QuerySet[License], text: str) -> QuerySet[License]:
    """The licenses whose id, or whose account's slug, begins with a text."""
    found = Q(account__slug__startswith=text.lower())
    span = uid_range(text)
    if span is not None:
        found |= Q(uid__gte=span[0], uid__lte=span[1])
    return rows.filter(found)


def issuances_of(row: License) -> QuerySet[Issuance]:
    """Every snapshot of a license, without the texts."""
    rows = Issuance.objects.filter(license=row).select_related("license", "signing_key", "supersedes")
    return rows.defer(*UNREAD, "supersedes__claims").annotate(kept=_KEPT)


def issuance_get(jti: str, principal: Principal) -> Issuance:
    """One issuance by its `jti`. Raises NotFound, also for another account's."""
    try:
        uid = uuid.UUID(bytes=base64.urlsafe_b64decode(jti + "=="))
    except ValueError:
        raise NotFound from None
    rows = issuances_for(principal).select_related(
        "license__account", "license__product", "signing_key", "supersedes"
    )
    row = rows.defer(*UNREAD).annotate(kept=_KEPT).filter(jti=uid).first()
    if row is None or ids.short(uid) != jti:
        raise NotFound
    return row


def renewals_of(row: License) -> QuerySet[Renewal]:
    """Every prolongation of a license."""
    return Renewal.objects.filter(license=row).select_related("issuance").defer("issuance__artifact")


def newest_issuance(public_id: str, principal: Principal) -> Issuance:
    """The newest snapshot of a license, for the License Operator's retrieval (E22).

    Raises NotFound for an unknown license; for members of other groups that, and a license of others,
    are both NotYourGroup (403).
    """
    license_ = licenses_for(principal).by_public_id(public_id).first()
    if license_ is None:
        raise NotFound if principal.sees_every_group else NotYourGroup
    rows = Issuance.objects.filter(license=license_)
    row = rows.select_related("license__account", "license__product").order_by("-id").first()
    if row is None:
        raise NotFound("This license was never issued.")
    return row


# --- groups ------------------------------------------------------------------------------------------


class NotYourGroup(Forbidden):
    """E22: only members of a group, and sysadmins, see its licenses."""

    code = "not_your_group"
    title = "Only members of the group may see its licenses."


def group_licenses(group: str, principal: Principal) -> LicenseQuerySet:
    """The licenses of a group, newest first (E22); a merged account's are its winner's.

    Raises NotYourGroup (403), NotFound.
    """
    account = _of_group(group, principal)
    if account is None:
        raise NotFound(f"There is no group {group}.")
    return licenses_for(principal).filter(account=account).order_by("-id")


def group_account(group: str, principal: Principal) -> Account:
    """The account of the group that a path of the License Operator names (E21).

    Raises NotYourGroup (403) for who is no member, whether or not there is such a group; Invalid (400) at `group`
    for who sees every group.
    """
    account = _of_group(group, principal)
    if account is None:
        raise _unknown(group, "group")
    return account


def _of_group(group: str, principal: Principal) -> Account | None:
    """Raises NotYourGroup."""
    account = account_find(group)
    if not principal.may_see_group(group if account is None else account.slug):
        raise NotYourGroup
    return account


def account_named(slug: str, principal: Principal, *, field: str) -> Account:
    """The account that a field of a body names. Raises Invalid (400) at that field, also for others'."""
    row = account_seen(slug, principal)
    if row is None:
        raise _unknown(slug, field)
    return row


def _unknown(slug: str, field: str) -> Invalid:
    detail = f"There is no account {slug}. Create the account first."
    return Invalid([FieldError(field, "unknown_account", detail)])


# --- catalogue ---------------------------------------------------------------------------------------


def products() -> QuerySet[Product]:
    return Product.objects.all()


def product_get(product_key: str) -> Product:
    """Raises NotFound; an inactive product is found."""
    row = products().filter(product_key=product_key).first()
    if row is None:
        raise NotFound(f"There is no product with the key {product_key[:63]}.")
    return row


def plans_of(product: Product) -> QuerySet[Plan]:
    return Plan.objects.filter(product=product).select_related("product")


def plan_get(product_key: str, code: str) -> Plan:
    """Raises NotFound."""
    row = plans_of(product_get(product_key)).filter(slug=code).first()
    if row is None:
        raise NotFound(f"There is no plan {code[:63]}.")
    return row


def presets() -> QuerySet[Preset]:
    return Preset.objects.select_related("plan", "plan__product")


# --- keys --------------------------------------------------------------------------------------------


def signing_keys() -> QuerySet[SigningKey]:
    """Every key, the private halves left in the table."""
    return SigningKey.objects.select_related("product").defer("private_sealed")


def signing_key_get(kid: str) -> SigningKey:
    """Raises NotFound."""
    row = signing_keys().filter(kid=kid).first()
    if row is None:
        raise NotFound
    return row


def public_pems(product: Product, kid: str = "") -> str:
    """The published public keys of a product as PEM, the one that signs first. Raises NotFound."""
    keys = [key for key in published_keys(product) if not kid or key.kid == kid]
    if not keys:
        raise NotFound
    order = {"active": 0, "staged": 1, "retired": 2}
    keys.sort(key=lambda key: (key.algorithm != product.algorithm, order[key.state], key.product is None))
    return "\n".join(f"{key.kid} {key.algorithm} {key.state}\n{key.public_pem.strip()}\n" for key in keys)


# --- history -----------------------------------------------------------------------------------------


def events_for(principal: Principal) -> QuerySet[Event]:
    """The events this caller may know of, with their places: all, or those of its accounts."""
    rows = Event.objects.select_related("entry")
    if principal.sees_every_group:
        return rows
    return rows.filter(account__in=customer_ids(accounts_for(principal)))


def events_of_account(rows: QuerySet[Event], name: str) -> QuerySet[Event]:
    """The events of an account, named by customer id or slug, with those of accounts merged into it."""
    account = account_find(name)
    # the history of an account outlives it
    return rows.filter(account__in=[name] if account is None else customer_ids_of(account))


def events_of_license(row: License) -> QuerySet[Event]:
    """The history of one license."""
    return Event.objects.select_related("entry").filter(subject=f"license:{row.public_id}")


def event_get(uid: uuid.UUID, principal: Principal) -> Event:
    """Raises NotFound, also for an event of another account."""
    row = events_for(principal).filter(uid=uid).first()
    if row is None:
        raise NotFound
    return row


def newest_checkpoint() -> Checkpoint:
    """Raises NotFound before the first one."""
    row = Checkpoint.objects.order_by("-size").first()
    if row is None:
        raise NotFound("No checkpoint has been signed yet.")
    return row
