"""Reads of people and tasks."""

from __future__ import annotations

import uuid
from datetime import date

from django.db.models import Q, QuerySet

from accounts.models import User
from accounts.selectors import demand_back_office
from config.kit.api.principals import Principal
from config.kit.errors import FieldError, Invalid, NotFound
from crm.domain.words import ONGOING, TaskStatus
from crm.models import Person, Task

ONGOING_STATES = tuple(str(status) for status in ONGOING)
_KNOWN = frozenset(str(status) for status in TaskStatus)


def tasks_in(rows: QuerySet[Task], state: str, today: date) -> QuerySet[Task]:
    """Tasks in a state: a status, `todo` for what is to be done now, `snoozed` for what is put off, or all.

    What is put off is neither open nor in progress until its day.
    """
    awake = Q(snoozed_until=None) | Q(snoozed_until__lte=today)
    if state == "todo":
        return rows.filter(awake, status__in=ONGOING_STATES)
    if state == "snoozed":
        return rows.filter(snoozed_until__gt=today, status__in=ONGOING_STATES)
    if state in ONGOING_STATES:
        return rows.filter(awake, status=state)
    return rows.filter(status=state) if state in _KNOWN else rows


def people_for(principal: Principal) -> QuerySet[Person]:
    """People, but those who were merged. Raises BackOfficeOnly (403): a customer's credentials see nobody."""
    demand_back_office(principal)
    return Person.objects.select_related("account", "owner").filter(merged_into=None)


def person_get(uid: uuid.UUID, principal: Principal) -> Person:
    """One person; for one who was merged, the other. Raises NotFound."""
    demand_back_office(principal)
    rows = Person.objects.select_related("account", "owner", "merged_into__account", "merged_into__owner")
    row = rows.filter(uid=uid).first()
    if row is None:
        raise NotFound
    return row.merged_into or row


def tasks_for(principal: Principal) -> QuerySet[Task]:
    """Every task. Raises BackOfficeOnly (403)."""
    demand_back_office(principal)
    return Task.objects.select_related("account", "owner", "person")


def task_get(uid: uuid.UUID, principal: Principal) -> Task:
    """Raises NotFound."""
    row = tasks_for(principal).filter(uid=uid).first()
    if row is None:
        raise NotFound
    return row


def staff_named(email: str) -> User:
    """A member of staff who can sign in, by e-mail. Raises Invalid (400) at the field `owner`."""
    row = User.objects.filter(email=email.strip().lower(), is_active=True).first()
    if row is None:
        raise Invalid([FieldError("owner", "unknown_owner", "Nobody of the staff has this address.")])
    return row
