"""What a row of the sync is about, as staff know it."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import Case, CharField, F, Model, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce, NullIf

from accounts.models import Account
from crm.domain.sync.fields import ObjectKind
from crm.models import Person, SyncConflict, SyncJob, Task

M = TypeVar("M", bound=Model)


def named(rows: QuerySet[M]) -> QuerySet[M]:
    """The rows with the names of their objects, in the same query; without the sealed credentials."""
    person = Person.objects.filter(pk=OuterRef("object_id"))
    called = person.annotate(
        called=Coalesce(NullIf(F("name"), Value("")), F("email"), output_field=CharField())
    ).values("called")
    account = Account.objects.filter(pk=OuterRef("object_id")).values("name")
    task = Task.objects.filter(pk=OuterRef("object_id")).values("title")
    name = Case(
        When(kind=ObjectKind.PERSON, then=Subquery(called)),
        When(kind=ObjectKind.COMPANY, then=Subquery(account)),
        When(kind=ObjectKind.TASK, then=Subquery(task)),
        output_field=CharField(),
    )
    found: Any = rows.annotate(object_name=name)  # the stubs lose which rows they are
    told: QuerySet[M] = found.defer("connection__token_sealed", "connection__secret_sealed")
    return told


def object_name(row: SyncJob | SyncConflict) -> str:
    """The name that `named` brought, or the number when the object is gone."""
    return vars(row).get("object_name") or f"{row.kind} {row.object_id}, gone"
