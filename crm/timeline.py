"""What happened to a person or an account, and what staff wrote down, newest first, in one list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import CharField, F, Q, QuerySet, Value

from accounts.models import Account
from accounts.selectors import customer_ids_of
from billing.models import Payment
from config.kit.display import page_of
from config.kit.ids import license_id
from crm.models import Person, PersonNote
from history.models import Event
from history.naming import Named, names_of
from trials.models import Trial, TrialRequest

PAGE = 50
MOST = 200
"""Licenses, trials and payments of one person whose history is shown: the newest."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. `note` is set for what staff wrote down; `about` names what an event happened to."""

    at: datetime
    by: str
    what: str
    about: str = ""
    about_url: str = ""
    url: str = ""
    note: PersonNote | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of entries, and whether there are older ones."""

    entries: list[Entry]
    has_older: bool


def person_events(person: Person) -> QuerySet[Event]:
    """Of the person, and of the licenses, trials, requests and payments that are the person's own."""
    return Event.objects.filter(subject__in=list(_subjects(person)))


def person_notes(person: Person) -> QuerySet[PersonNote]:
    return PersonNote.objects.filter(person=person)


def account_events(account: Account) -> QuerySet[Event]:
    """Of the account and everything it owns, and of what was merged into it."""
    return Event.objects.filter(account__in=customer_ids_of(account))


def account_notes(account: Account) -> QuerySet[PersonNote]:
    return PersonNote.objects.filter(person__account=account)


def page_read(events: QuerySet[Event] | None, notes: QuerySet[PersonNote], number: int) -> Page:
    """A page, counted from 1. Without `events`, for who may not see history, notes alone."""
    found = [_in_places(notes, "note", "created_at")]
    if events is not None:
        # a note that is there speaks for itself; that one was deleted is told
        told = events.filter(~Q(kind="person.noted") | Q(data__change="deleted"))
        found.append(_in_places(told, "event", "at"))
    merged = found[0].union(*found[1:], all=True) if len(found) > 1 else found[0]
    places = list(merged.order_by("-when", "-table", "-key")[(number - 1) * PAGE : number * PAGE + 1])
    return Page(_entries(places[:PAGE]), has_older=len(places) > PAGE)


def _subjects(person: Person) -> Iterator[str]:
    yield f"person:{person.uid}"
    for uid in person.licenses.order_by("-pk").values_list("license__uid", flat=True)[:MOST]:
        if uid is not None:
            yield f"license:{license_id(uid)}"
    addresses = list(person.emails.values_list("address", flat=True))
    typed = list(person.emails.values_list("email", flat=True))
    requests = TrialRequest.objects.filter(address__in=addresses).order_by("-pk")
    for uid, trial in requests.values_list("uid", "trial__uid")[:MOST]:
        yield f"trial_request:{uid}"
        if trial is not None:
            yield f"trial:{trial}"
    for uid in Trial.objects.filter(email__in=typed).order_by("-pk").values_list("uid", flat=True)[:MOST]:
        yield f"trial:{uid}"
    paid = Payment.objects.filter(customer_email__in=typed).order_by("-pk")
    for uid in paid.values_list("uid", flat=True)[:MOST]:
        yield f"payment:{uid}"


def _in_places(rows: Any, table: str, when: str) -> Any:
    columns = {"when": F(when), "table": Value(table, output_field=CharField()), "key": F("pk")}
    return rows.order_by().annotate(**columns).values_list("when", "table", "key")


def _entries(places: list[tuple[datetime, str, int]]) -> list[Entry]:
    events = Event.objects.in_bulk([key for _, table, key in places if table == "event"])
    notes = PersonNote.objects.select_related("author", "person").in_bulk(
        [key for _, table, key in places if table == "note"]
    )
    names = names_of(thing for event in events.values() for thing in (event.actor, event.subject))
    names |= _people(subject for subject in names if subject.startswith("person:"))
    return [
        _of_note(notes[key]) if table == "note" else _of_event(events[key], names) for _, table, key in places
    ]


def _people(subjects: Iterable[str]) -> dict[str, Named]:
    """By name and with the way there: who sees a timeline of people may see people."""
    uids = [subject.partition(":")[2] for subject in subjects]
    rows = Person.objects.filter(uid__in=uids) if uids else Person.objects.none()
    return {f"person:{row.uid}": Named(str(row), page_of(row)) for row in rows}


def _of_event(event: Event, names: Any) -> Entry:
    about = names[event.subject]
    what = f"{event.sentence or event.kind} {event.details}".strip()
    return Entry(event.at, names[event.actor].text, what, about.text, about.url, page_of(event))


def _of_note(note: PersonNote) -> Entry:
    what = "Note" if note.edited_at is None else "Note, changed later"
    return Entry(note.created_at, str(note.author), what, str(note.person), page_of(note.person), note=note)
