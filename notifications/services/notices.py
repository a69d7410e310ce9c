"""Telling customers that a license ends: the policy, and the mails that it makes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction

from config.kit.enqueue import enqueue
from config.kit.errors import FieldError, Invalid, Refusal
from config.kit.locks import locked
from config.kit.validation import check_fields
from history.services import record
from licenses.models import License
from notifications import setting_rules as rules
from notifications.domain.notices import FURTHEST, MOST_STEPS, batch_due
from notifications.models import Message, NoticePolicy, Stream
from notifications.notice_content import notice_context
from notifications.rendering import Rendered, render
from notifications.selectors import notices as selectors
from notifications.services.messages import message_queue

TEMPLATE = "expiry_notice"
FIELDS = frozenset({"enabled", "days_before", "days_after", "kinds", "hour", "zone", "reply_to"})
BATCH = 100
MOST = 1000
"""Notices of one sweep; what is left is another task's."""
log = structlog.get_logger(__name__)


class NoEnd(Refusal):
    code = "no_end"
    title = "A perpetual license has no end to tell of."


# --- the policy -------------------------------------------------------------------------------------------


def notice_policy_update(*, actor: str, at: datetime, **fields: Any) -> NoticePolicy:
    """Change whom notices go to and when. Raises Invalid with one entry a field."""
    unknown = sorted(set(fields) - FIELDS)
    if unknown:
        raise Invalid([FieldError(name, "unknown_field", f"{name} cannot be set.") for name in unknown])
    with transaction.atomic():
        NoticePolicy.objects.get_or_create(pk=NoticePolicy.ONLY)
        policy = locked(NoticePolicy.objects.filter(pk=NoticePolicy.ONLY)).get()
        values = {name: _tidy(name, value) for name, value in fields.items()}
        changed = sorted(name for name, value in values.items() if getattr(policy, name) != value)
        for name in changed:
            setattr(policy, name, values[name])
        _check(policy)
        if changed:
            policy.save()
            data = {
                "fields": changed,
                "enabled": policy.enabled,
                "days_before": policy.days_before,
                "days_after": policy.days_after,
            }
            record(kind="setting.changed", subject="setting:customer-notices", actor=actor, data=data, at=at)
    return policy


def _tidy(name: str, value: Any) -> Any:
    if name in {"days_before", "days_after"}:
        return sorted(set(value), reverse=name == "days_before")
    if name == "kinds":
        return rules.in_order(value, selectors.KINDS)
    return value.strip() if name == "reply_to" else value


def _check(policy: NoticePolicy) -> None:
    errors = list(_errors(policy))
    if errors:
        raise Invalid(errors)
    check_fields(policy, ("enabled", "reply_to"))


def _errors(policy: NoticePolicy) -> Iterator[FieldError]:
    yield from rules.range_errors("hour", policy.hour, rules.LAST_HOUR)
    yield from rules.zone_errors(policy.zone)
    yield from rules.kind_errors(policy.kinds, selectors.KINDS)
    yield from rules.address_errors("reply_to", [policy.reply_to] if policy.reply_to else [])
    yield from _days_errors("days_before", policy.days_before, 0)
    yield from _days_errors("days_after", policy.days_after, 1)
    if policy.enabled and not (policy.days_before or policy.days_after):
        yield FieldError("days_before", "required", "Say on which days customers are told.")


def _days_errors(field: str, days: list[Any], lowest: int) -> Iterator[FieldError]:
    if any(type(day) is not int or not lowest <= day <= FURTHEST for day in days):
        yield FieldError(field, "out_of_range", f"Whole numbers from {lowest} to {FURTHEST}.")
    elif len(days) > MOST_STEPS:
        yield FieldError(field, "too_many", f"{MOST_STEPS} at most.")


# --- sending ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did. Those `left` failed, which is logged, or were not to be told any more."""

    sent: int
    left: int


def notices_sweep(*, actor: str, at: datetime) -> Swept:
    """Tell every customer who is to be told now, each in a transaction of its own.

    One that fails keeps none of the others, and is tried again by the next sweep. After `MOST` the rest is
    another task's.
    """
    policy = selectors.policy_get()
    sent, left = 0, set[int]()
    more = policy.enabled
    while more and sent < MOST and len(left) < MOST:
        keys = list(selectors.licenses_due(policy, at, without=left)[:BATCH])
        told = {key for key in keys if _sent(key, actor, at)}
        sent += len(told)
        left |= set(keys) - told
        more = len(keys) == BATCH
    if more and sent:
        enqueue("notifications.notices_sweep")
    return Swept(sent, len(left))


def _sent(license_id: int, actor: str, at: datetime) -> bool:
    try:
        return notice_send(license_id=license_id, actor=actor, at=at) is not None
    except Exception:
        log.exception("notice_failed", license=license_id)
        return False


def notice_send(*, license_id: int, actor: str, at: datetime) -> Message | None:
    """Tell the customer of one license what is due now; None when nothing is.

    Everything is judged again under the lock of the license, for it may have been renewed or revoked since
    it was found. A second call returns the message that is there.
    """
    with transaction.atomic():
        policy = selectors.policy_get()
        rows = selectors.licenses_told(policy).select_related("account", "product", "plan")
        row = locked(rows.filter(pk=license_id)).first()
        if row is None or row.expires_at is None or not row.account.email or not policy.enabled:
            return None
        batch = batch_due(selectors.plan_of(policy), row.expires_at, at, end_set_at=selectors.end_set_at(row))
        if batch is None:
            return None
        return message_queue(
            template=TEMPLATE,
            to=row.account.email,
            context=notice_context(row, policy, at=at),
            stream=Stream.NOTICE,
            dedupe_key=selectors.dedupe_key(row.pk, batch),
            account=row.account,
            license=row,
            reply_to=policy.reply_to,
            actor=actor,
            at=at,
        )


def notice_preview(*, policy: NoticePolicy, license: License, at: datetime) -> Rendered:  # noqa: A002 - the word of the vocabulary
    """The notice of a license as it would read at an instant. Nothing is sent. Raises NoEnd (409)."""
    if license.expires_at is None:
        raise NoEnd
    return render(TEMPLATE, notice_context(license, policy, at=at))
