"""The buttons of a person's page. Each opens a form and calls one service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.urls import reverse

from config.kit.forms import posted
from crm.admin.forms import EraseForm, IntoForm, NoteForm, PersonForm, TaskForm
from crm.domain.sync.fields import ObjectKind
from crm.models import Connection, CrmLink, Person
from crm.services.forgetting import person_erase
from crm.services.notes import person_note_add
from crm.services.people import person_merge, person_update
from crm.services.tasks import task_create
from licenses.admin.people import staff
from trials.admin.parts import Asked, Dialog, needs

MANAGE = "crm.manage_people"
ERASE = "crm.erase_people"
TASKS = "crm.manage_tasks"


def is_open(row: Person) -> bool:
    return row.merged_into_id is None


def _person_form(asked: Asked) -> PersonForm:
    return PersonForm(posted(asked.request), person=asked.row)


def _edit(asked: Asked, _data: Mapping[str, Any]) -> str:
    form = _person_form(asked)
    form.full_clean()
    person_update(person=asked.row, changes=form.changes(), actor=asked.actor, at=asked.at)
    return "Saved."


def _note(asked: Asked, data: Mapping[str, Any]) -> str:
    person_note_add(
        person=asked.row, text=data["text"], author=staff(asked.request), actor=asked.actor, at=asked.at
    )
    return "The note was added."


def _task_form(asked: Asked) -> TaskForm:
    row: Person = asked.row
    about = {"account": row.account.slug if row.account else "", "person": row.email or row.name}
    form = TaskForm(posted(asked.request), initial={"owner": asked.request.user.pk, **about})
    form.fields["person"].disabled = True  # it is whose page it is
    return form


def _task(asked: Asked, _data: Mapping[str, Any]) -> str:
    row: Person = asked.row
    form = _task_form(asked)
    form.full_clean()
    form.cleaned_data.pop("person")
    task_create(
        **form.values(), person=row, subject=("person", str(row.uid)), actor=asked.actor, at=asked.at,
    )  # fmt: skip
    return "The task was added."


def _merge(asked: Asked, _data: Mapping[str, Any]) -> str:
    form = IntoForm(posted(asked.request))
    form.full_clean()
    winner = person_merge(person=asked.row, into=form.person(), actor=asked.actor, at=asked.at)
    return f"Merged into {winner}."


def _erase_form(asked: Asked) -> EraseForm:
    return EraseForm(posted(asked.request), called=str(asked.row))


def _erase(asked: Asked, _data: Mapping[str, Any]) -> str:
    person_erase(person=asked.row, actor=asked.actor, at=asked.at)
    return "The person is erased."


def _erasing(asked: Asked) -> list[str]:
    """What it does, and what it cannot reach."""
    elsewhere = Connection.objects.filter(
        pk__in=CrmLink.objects.filter(
            kind=ObjectKind.PERSON, object_id=asked.row.pk, tombstone_at=None
        ).values("connection")
    ).order_by("name")
    return [
        "Name, addresses, particulars, notes, touchpoints and whoever was merged into this person are deleted.",
        "Tasks stay and name nobody: read their texts. Reading history again brings nobody back.",
        "Trial requests keep their address until their retention ends, payments as long as books are kept.",
        *(f"{each.name} keeps its record: delete it there, too." for each in elsewhere),
        "Who comes back later, with a new request or order, is a new person.",
        "There is no way back.",
    ]


DIALOGS = (
    Dialog(
        slug="note", title="Add note", icon="add_comment", order=10, allowed=needs(MANAGE), act=_note,
        form=lambda asked: NoteForm(posted(asked.request)), fits=is_open, says=lambda _asked: (),
    ),
    Dialog(
        slug="task", title="Add task", icon="add_task", order=20, allowed=needs(TASKS), act=_task,
        form=_task_form, fits=is_open, says=lambda _asked: (),
    ),
    Dialog(
        slug="edit", title="Edit", icon="edit", order=30, allowed=needs(MANAGE), act=_edit,
        form=_person_form, fits=is_open, submit="Save", says=lambda _asked: (),
    ),
    Dialog(
        slug="merge", title="Merge", icon="merge", order=40, allowed=needs(MANAGE), act=_merge,
        form=lambda asked: IntoForm(posted(asked.request)), fits=is_open, submit="Merge into that person",
        says=lambda asked: [
            f"Everything of {asked.row} goes to the other person: addresses, licenses, tasks, notes and touchpoints.",
            "Blanks of the other person are filled; what is known there stays.",
            "The earlier first touch and the later last touch are kept. Consent that either withdrew stays withdrawn.",
            "There is no way back.",
        ],
    ),
    Dialog(
        slug="erase", title="Erase", icon="person_remove", order=50, allowed=needs(ERASE), act=_erase,
        form=_erase_form, fits=is_open, submit="Erase for good", says=_erasing, danger=True,
        leads_to=lambda: reverse("admin:crm_person_changelist"),
    ),
)  # fmt: skip
