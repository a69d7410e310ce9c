"""Changing the terms of a license as staff do it: what would change, and the change with its reason kept."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import User
from config.kit.errors import FieldError, Invalid
from licenses.claims import ToSign
from licenses.domain.claim_words import Pair, claim_pairs
from licenses.domain.enums import Format
from licenses.models import License
from licenses.services.issuing import license_reissue
from licenses.services.notes import note_add
from licenses.services.signing import Issued, refuse_unless_issuable
from licenses.terms import CHANGEABLE, LIMIT_FIELDS, check_terms, refuse_unknown


def license_amend(
    *,
    license: License,  # noqa: A002 - the word of the vocabulary
    changes: Mapping[str, Any],
    seen: int | None = None,
    reason: str,
    author: User,
    format: Format | None = None,  # noqa: A002 - the word of the vocabulary
    persist: bool | None = None,
    channel: str,
    actor: str,
    at: datetime,
) -> Issued:
    """Change terms, sign anew, and keep the reason as a note of its author, in one transaction.

    Raises Invalid without a reason, and what `license_reissue` and `note_add` raise; then nothing is written.
    """
    if not reason.strip():
        raise Invalid([FieldError("reason", "required", "Say why: the reason is kept as a note.")])
    with transaction.atomic():
        issued = license_reissue(
            license=license, changes=changes, seen=seen, reason=reason, format=format, persist=persist,
            channel=channel, actor=actor, at=at,
        )  # fmt: skip
        note_add(license=issued.issuance.license, text=f"Terms: {reason}", author=author, actor=actor, at=at)
    return issued


def amendments(*, license: License, changes: Mapping[str, Any], at: datetime) -> list[Pair]:  # noqa: A002 - the word of the vocabulary
    """What `license_amend` would change, field by field; writes nothing, refuses alike."""
    refuse_unless_issuable(ToSign.of(license), at)
    refuse_unknown(changes, CHANGEABLE)
    after = copy(license)
    for name, value in changes.items():
        setattr(after, name, value)
    check_terms(after)
    return [pair for pair in claim_pairs(_said(license), _said(after)) if pair.says]


def _said(row: License) -> dict[str, Any]:
    """The terms that may change, under the names of their claims where they have one."""
    online = {"prefer": row.prefer_online, **({"url": row.online_url} if row.online_url else {})}
    return {
        "edition": row.edition,
        **{name: getattr(row, name) for name in LIMIT_FIELDS},
        "ent": row.entitlements,
        "warn": row.warn_days,
        "grace": row.grace_days,
        "fp": row.fingerprint_sha256 or None,
        "online": online if row.prefer_online or row.online_url else None,
        "Comment": row.comment or None,
        "CRM reference": row.crm_ref or None,
    }
