"""Licenses by what people have in hand: an id, a key, a customer's name or address, a remark.

`email:`, `account:`, `key:`, `id:` and `comment:` say where to look; without a prefix the looks of the text
decide. Every search is a range or a trigram index of one table, however many licenses there are.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import QuerySet

from accounts.models import Account
from accounts.searching import accounts_like, accounts_of_email, is_searchable
from config.kit import ids
from config.kit.trigrams import SHORTEST, TrigramIndex, index_register
from licenses.domain.formats import Recognition, recognise
from licenses.domain.wire import WireError, b64url_decode, json_load
from licenses.listings import uid_range
from licenses.models import Issuance, License, Product
from licenses.models.licenses import LicenseQuerySet
from licenses.validation import text_digest

index_register(TrigramIndex("license_search", "licenses_license", ("comment",), where="NOT (comment = '')"))

HELP: Final = "Id, key, account. Or email: account: key: id: comment:"
_PREFIXED: Final = re.compile(r"([A-Za-z]{2,12}):(?!//)\s*(.*)", re.DOTALL)
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.IGNORECASE)
_JTI: Final = re.compile(r"[A-Za-z0-9_-]{22}")
MOST_PRODUCTS: Final = 50
MOST_HEIRS: Final = 200
MOST_OWNERS: Final = 400
_SHORT: Final = 60
"""Characters of a text that is too short to be a whole key."""


@dataclass(frozen=True, slots=True)
class Found:
    """The licenses that a search leaves of a list, and a sentence about how it was understood."""

    rows: LicenseQuerySet
    hint: str = ""


def licenses_search(rows: LicenseQuerySet, term: str) -> Found:
    """Narrow a list of licenses to what a person typed. Any text is a search; what cannot be there finds nothing."""
    text = term.strip()
    if not text:
        return Found(rows)
    prefixed = _PREFIXED.fullmatch(text)
    if prefixed is not None:
        name, rest = prefixed[1].lower(), prefixed[2].strip()
        if name in _SEARCHES:
            return _SEARCHES[name](rows, rest) if rest else Found(rows, f"Type something behind {name}:")
        known = ", ".join(f"{each}:" for each in _SEARCHES)
        return Found(
            _plain(rows, text).rows,
            f"{name}: is no prefix, so it was looked for as it stands. There are {known}",
        )
    return _plain(rows, text)


def is_key_text(term: str) -> bool:
    """Is this a whole key, with or without `key:` before it? Such a text should stand in no address."""
    text = _without_prefix(term)
    return len(text) > _SHORT and (text.startswith(("eyJ", "LIC1-", "lic1-", "{")) or _is_ours(text))


def key_reference(term: str) -> str:
    """The search that finds the same as a whole key without telling it: its `jti`, or its hash."""
    text = _without_prefix(term)
    digests = _digests(text)
    if not Issuance.objects.filter(text_sha256__in=digests).exists() and (jti := _jti_of(text)):
        return f"key:{jti}"
    return f"key:{digests[-1]}"


def _without_prefix(term: str) -> str:
    prefixed = _PREFIXED.fullmatch(term.strip())
    return prefixed[2] if prefixed is not None and prefixed[1].lower() == "key" else term.strip()


# --- each prefix --------------------------------------------------------------------------------------


def _plain(rows: LicenseQuerySet, text: str) -> Found:
    if text[:2].upper() == "L-":
        return _by_id(rows, text)
    if _SHA256.fullmatch(text) or _is_ours(text):
        return _by_key(rows, text)
    legacy = _legacy(text)
    return Found(rows.filter(pk__in=legacy)) if legacy else _by_account(rows, text)


def _is_ours(text: str) -> bool:
    """A key of a format that we read or read once; the serial numbers of older tools look like any slug."""
    found = recognise(text)
    return found.kind is not Recognition.UNKNOWN and found.algorithm is not None


def _by_id(rows: LicenseQuerySet, text: str) -> Found:
    """A whole id or its beginning, in any case, with or without its L-."""
    span = uid_range(text if text[:2].upper() == "L-" else f"L-{text}")
    return Found(rows.none() if span is None else rows.filter(uid__gte=span[0], uid__lte=span[1]))


def _by_account(rows: LicenseQuerySet, text: str) -> Found:
    return Found(rows.filter(account__in=_owners(accounts_like(text))))


def _by_email(rows: LicenseQuerySet, text: str) -> Found:
    return Found(rows.filter(account__in=_owners(accounts_of_email(text))))


def _owners(accounts: QuerySet[Account]) -> QuerySet[Any] | list[int]:
    """The keys of accounts, and of those that took over from accounts that were merged.

    A handful is read at once, so that the database is told whom to seek instead of guessing how many there are:
    it would rather read all licenses, newest first. Where there are more, licenses of them are never far.
    """
    found = dict(accounts.values_list("pk", "merged_into")[: MOST_OWNERS + 1])
    if len(found) <= MOST_OWNERS:
        return sorted({*found, *filter(None, found.values())})
    merged = accounts.filter(merged_into__isnull=False).values_list("merged_into", flat=True)
    heirs = [key for key in merged[:MOST_HEIRS] if key is not None]
    return (accounts | Account.objects.filter(pk__in=heirs) if heirs else accounts).values("pk")


def _by_comment(rows: LicenseQuerySet, text: str) -> Found:
    if not is_searchable(text):
        return Found(rows.none())
    lookup = "comment__icontains" if len(text) >= SHORTEST else "comment__istartswith"
    return Found(rows.exclude(comment="").filter(**{lookup: text}))


def _by_key(rows: LicenseQuerySet, text: str) -> Found:
    """A whole key, its SHA-256, its `jti`, or the key of the older tool that a license was imported with."""
    keys = _issued(text_sha256__in=_digests(text)) or _issued(jti=_uid_of(text)) or _legacy(text)
    hint = ""
    if not keys and (jti := _jti_of(text)):
        keys = _issued(jti=_uid_of(jti))
        hint = "No key of just this text was signed. The jti inside it was looked for: verify it before trusting it."
    return Found(rows.filter(pk__in=keys), hint)


def _issued(**by: object) -> list[int]:
    """The licenses of the issuances with this hash or `jti`; there is at most one."""
    return list(Issuance.objects.filter(**by).values_list("license_id", flat=True)[:2])


def _legacy(text: str) -> list[int]:
    """The licenses that carry a key of the older tool; it is unique within a product."""
    if not is_searchable(text):
        return []
    rows = License.objects.filter(
        product__in=list(Product.objects.values_list("pk", flat=True)), legacy_key=text
    )
    return list(rows.values_list("pk", flat=True)[:MOST_PRODUCTS])


def _digests(text: str) -> list[str]:
    """What the SHA-256 of a text may be: the text may be a hash itself, and a line that was pasted lost its end."""
    if _SHA256.fullmatch(text):
        return [text.lower()]
    return [text_digest(text + end) for end in ("", "\n")] if text.startswith("{") else [text_digest(text)]


def _uid_of(jti: str) -> uuid.UUID | None:
    try:
        uid = uuid.UUID(bytes=b64url_decode(jti)) if _JTI.fullmatch(jti) else None
    except (ValueError, WireError):
        return None
    return uid if uid is not None and ids.short(uid) == jti else None


def _jti_of(text: str) -> str:
    """The `jti` that a token says it has; nothing is verified."""
    try:
        payload = json_load(b64url_decode(text.split(".")[1]))
    except (IndexError, WireError):
        return ""
    jti = payload.get("jti") if isinstance(payload, dict) else None
    return jti if isinstance(jti, str) and _JTI.fullmatch(jti) else ""


_SEARCHES: Final[dict[str, Callable[[LicenseQuerySet, str], Found]]] = {
    "email": _by_email,
    "account": _by_account,
    "key": _by_key,
    "id": _by_id,
    "comment": _by_comment,
}
