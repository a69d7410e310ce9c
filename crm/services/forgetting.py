"""Addresses that are nobody's any more, and people who are erased.

History holds ids only, so nothing in it names who is erased; what it tells of is read from rows that stay where the
law or the trial wants them: trial requests until their retention ends (E34), payments.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef

from config.kit.errors import NotFound
from config.kit.locks import locked
from crm.domain.sync.fields import ObjectKind
from crm.errors import PersonMerged
from crm.models import (
    Connection,
    CrmLink,
    FormerAddress,
    InboundChange,
    Person,
    PersonEmail,
    SyncConflict,
    SyncJob,
    Task,
)
from history.domain.kinds import Kind
from history.services import record


def address_digest(address: str) -> str:
    """Keyed hash of a canonical address: recognizes it, and tells nobody who it was."""
    message = f"former-address:{address}".encode()
    return hmac.new(settings.SECRET_KEY.encode(), message, hashlib.sha256).hexdigest()


def addresses_forget(*, emails: Iterable[PersonEmail], person: Person | None, at: datetime) -> None:
    """Take addresses away, in the transaction of the change; what happened before stays `person`'s, or nobody's."""
    rows = list(emails)
    FormerAddress.objects.bulk_create(
        FormerAddress(digest=address_digest(row.address), person=person, until=at) for row in rows
    )
    PersonEmail.objects.filter(pk__in=[row.pk for row in rows]).delete()


def former_address(address: str, happened_at: datetime) -> FormerAddress | None:
    """Whose the address was when that happened, if it was taken away since."""
    rows = FormerAddress.objects.select_related("person")
    return rows.filter(digest=address_digest(address), until__gte=happened_at).order_by("until", "pk").first()


def person_erase(*, person: Person, actor: str, at: datetime) -> None:
    """Erase a person and whoever was merged into it: addresses, notes, entries, what syncing remembers of them.

    Tasks stay and name nobody. Somebody who comes back later is a new person. There is no way back. Raises
    PersonMerged (409), NotFound.
    """
    with transaction.atomic():
        # no batch is recorded meanwhile: it would write down again what is erased
        list(locked(Connection.objects.order_by("pk")).values_list("pk"))
        row = locked(Person.objects.filter(pk=person.pk)).select_related("account").first()
        if row is None:
            raise NotFound
        if row.merged_into_id is not None:
            raise PersonMerged
        absorbed = Person.objects.filter(merged_into=row)
        ids = [row.pk, *absorbed.values_list("pk", flat=True)]
        addresses_forget(emails=row.emails.all(), person=None, at=at)
        FormerAddress.objects.filter(person__in=ids).update(person=None)
        Task.objects.filter(person__in=ids).update(person=None, changed_at=at)
        _unsync(ids)
        record(
            kind=Kind.PERSON_ERASED,
            subject=f"person:{row.uid}",
            account=row.account.customer_id if row.account else "",
            actor=actor,
            data={"merged": len(ids) - 1},
            at=at,
        )
        absorbed.delete()
        row.delete()


def _unsync(ids: list[int]) -> None:
    of_them = {"kind": ObjectKind.PERSON, "object_id__in": ids}
    links = CrmLink.objects.filter(**of_them)
    for connection_id, external_id in links.exclude(external_id="").values_list("connection", "external_id"):
        InboundChange.objects.filter(
            connection=connection_id, kind=ObjectKind.PERSON, external_id=external_id
        ).delete()
    links.delete()
    SyncJob.objects.filter(**of_them).delete()
    SyncConflict.objects.filter(**of_them).delete()


def links_expire() -> int:
    """Drop what a batch under way wrote down of people who were erased meanwhile; return how many."""
    there = Person.objects.filter(pk=OuterRef("object_id"))
    kept: tuple[Any, ...] = (CrmLink, SyncJob, SyncConflict)
    return sum(model.objects.filter(~Exists(there), kind=ObjectKind.PERSON).delete()[0] for model in kept)
