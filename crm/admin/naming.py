"""Names of people and tasks for the lists of what happened.

By number, and without a link: who reads the history need not be one who may see people.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.urls import reverse

from crm.models import Person, Task
from history.naming import Named, Naming, naming_register


def _uids(ids: Iterable[str]) -> dict[UUID, str]:
    found = {}
    for text in ids:
        try:
            found[UUID(text)] = text
        except ValueError:
            continue
    return found


def _people(ids: Sequence[str]) -> dict[str, Named]:
    uids = _uids(ids)
    rows = Person.objects.filter(uid__in=uids).values_list("uid", "pk")
    return {uids[uid]: Named(f"person {pk}") for uid, pk in rows}


def _tasks(ids: Sequence[str]) -> dict[str, Named]:
    uids = _uids(ids)
    rows = Task.objects.filter(uid__in=uids).values_list("uid", "pk")
    return {
        uids[uid]: Named(
            f"task {pk}", page=reverse("admin:crm_task_change", args=[pk]), needs="crm.view_task"
        )
        for uid, pk in rows
    }


def _nothing(_text: str) -> list[str]:
    return []


naming_register("person", Naming(_people, _nothing))
naming_register("task", Naming(_tasks, _nothing))
