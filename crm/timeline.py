"""What happened to a person or an account, mail to them, and what staff wrote down, newest first, in one list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import CharField, F, Q, QuerySet, Value
from django.db.models.functions import Lower

from accounts.models import Account
from accounts.selectors import customer_ids_of
from accounts.timelines import Line, source_named, sources_for
from billing.models import Checkout, Fulfilment, Payment, Subscription
from config.kit.display import page_of
from config.kit.ids import license_id
from crm.models import Person, PersonNote
from history.models import Event
from history.naming import Named, names_of
from trials.models import Trial, TrialRequest

PAGE = 50
Beside = list[tuple[str, str, QuerySet[Any]]]
"""Rows that are no events: the name of their source, the field that says when, and the rows."""
MOST = 200
"""Licenses, trials, subscriptions and payments of one person whose history is shown: the newest."""


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
    """Of the person, and of the licenses, trials, requests, payments and subscriptions that are the person's own."""
    return Event.objects.filter(subject__in=list(_subjects(person)))


def person_notes(person: Person) -> QuerySet[PersonNote]:
    return PersonNote.objects.filter(person=person)


def person_beside(person: Person, user: Any) -> Beside:
    """Such as mail to any address of the person, of what `user` may see."""
    spelled = _spelled(person)
    return [(source.name, source.when, source.of_addresses(spelled)) for source in sources_for(user)]


def account_beside(account: Account, user: Any) -> Beside:
    """Such as mail about the account, of what `user` may see."""
    return [(source.name, source.when, source.of_account(account)) for source in sources_for(user)]


def account_events(account: Account) -> QuerySet[Event]:
    """Of the account and everything it owns, and of what was merged into it."""
    return Event.objects.filter(account__in=customer_ids_of(account))


def account_notes(account: Account) -> QuerySet[PersonNote]:
    return PersonNote.objects.filter(person__account=account)


def page_read(
    events: QuerySet[Event] | None, notes: QuerySet[PersonNote], beside: Beside, number: int
) -> Page:
    """A page, counted from 1. Without `events`, for who may not see history, the others alone."""
    found = [_in_places(notes, "note", "created_at")]
    found += [_in_places(rows, name, when) for name, when, rows in beside]
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
    addresses, spelled = list(person.emails.values_list("address", flat=True)), _spelled(person)
    requests = TrialRequest.objects.filter(address__in=addresses).order_by("-pk")
    for uid, trial in requests.values_list("uid", "trial__uid")[:MOST]:
        yield f"trial_request:{uid}"
        if trial is not None:
            yield f"trial:{trial}"
    for uid in Trial.objects.filter(email__in=spelled).order_by("-pk").values_list("uid", flat=True)[:MOST]:
        yield f"trial:{uid}"
    yield from _paid(person, spelled)


def _paid(person: Person, spelled: list[str]) -> Iterator[str]:
    """Payments by any spelling of an address, as the order or Stripe has it, or for a license of the person; and the
    cycles that they belong to. Each way has an index of its own, so none reads all payments.
    """
    licenses = list(person.licenses.order_by("-pk").values_list("license", flat=True)[:MOST])
    by_stripe = Payment.objects.annotate(by=Lower("customer_email")).filter(by__in=spelled)
    orders = Checkout.objects.annotate(by=Lower("email")).filter(by__in=spelled).order_by("-pk")
    by_order = Payment.objects.filter(checkout__in=list(orders.values_list("pk", flat=True)[:MOST]))
    found = set(_for(licenses).values_list("payment", flat=True)[:MOST])
    for rows in (by_stripe, by_order):
        found |= set(rows.order_by("-pk").values_list("pk", flat=True)[:MOST])
    cycles = set[int]()
    newest = Payment.objects.filter(pk__in=sorted(found)).order_by("-pk")
    for uid, cycle in newest.values_list("uid", "subscription")[:MOST]:
        yield f"payment:{uid}"
        cycles |= {cycle} - {None}
    of_mine = Subscription.objects.filter(Q(pk__in=cycles) | Q(license__in=licenses)).order_by("-pk")
    for stripe_id in of_mine.values_list("stripe_id", flat=True)[:MOST]:
        yield f"subscription:{stripe_id}"


def _for(licenses: list[int]) -> QuerySet[Fulfilment]:
    return Fulfilment.objects.filter(license__in=licenses).order_by("-pk")


def _spelled(person: Person) -> list[str]:
    """The addresses of a person as they were typed, in lower case, and in their canonical form."""
    rows = person.emails.values_list("address", "email")
    return sorted({form for address, email in rows for form in (address, email, email.lower())})


def _in_places(rows: Any, table: str, when: str) -> Any:
    columns = {"when": F(when), "table": Value(table, output_field=CharField()), "key": F("pk")}
    return rows.order_by().annotate(**columns).values_list("when", "table", "key")


def _entries(places: list[tuple[datetime, str, int]]) -> list[Entry]:
    events = Event.objects.in_bulk([key for _, table, key in places if table == "event"])
    notes = PersonNote.objects.select_related("author", "person").in_bulk(
        [key for _, table, key in places if table == "note"]
    )
    lines = {
        name: source_named(name).lines([key for _, table, key in places if table == name])
        for name in {table for _, table, _ in places} - {"event", "note"}
    }
    names = names_of(thing for event in events.values() for thing in (event.actor, event.subject))
    names |= _people(subject for subject in names if subject.startswith("person:"))
    found = []
    for at, table, key in places:
        if table == "note":
            found.append(_of_note(notes[key]))
        elif table == "event":
            found.append(_of_event(events[key], names))
        elif key in lines[table]:
            found.append(_of_line(at, lines[table][key]))
    return found


def _people(subjects: Iterable[str]) -> dict[str, Named]:
    """By name and with the way there: who sees a timeline of people may see people."""
    uids = [subject.partition(":")[2] for subject in subjects]
    rows = Person.objects.filter(uid__in=uids) if uids else Person.objects.none()
    return {f"person:{row.uid}": Named(str(row), page_of(row)) for row in rows}


def _of_event(event: Event, names: Any) -> Entry:
    about = names[event.subject]
    what = f"{event.sentence or event.kind} {event.details}".strip()
    return Entry(event.at, names[event.actor].text, what, about.text, about.url, page_of(event))


def _of_line(at: datetime, line: Line) -> Entry:
    return Entry(at, line.by, line.what, line.about, url=line.url)


def _of_note(note: PersonNote) -> Entry:
    what = "Note" if note.edited_at is None else "Note, changed later"
    return Entry(note.created_at, str(note.author), what, str(note.person), page_of(note.person), note=note)
