"""What happened to a license and what staff wrote down, newest first, in one list."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import CharField, F, Q, QuerySet, Value
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from accounts.models import User
from config.kit import actors
from config.kit.clock import now
from config.kit.ids import short
from history.models import Event
from history.naming import names_of
from licenses.admin.display import page_of
from licenses.admin.forms import ServiceForm, note, posted
from licenses.admin.own_notes import Place, note_delete_page, note_edit_page, own_note
from licenses.admin.parts import Tab, View, tab_register, tab_url
from licenses.admin.texts import linked
from licenses.models import License, LicenseNote
from licenses.services.notes import note_add, note_delete, note_edit
from licenses.services.own_notes import LONGEST

SLUG = "timeline"
PAGE = 50
LAST_PAGE = 10_000
WRITE = "licenses.add_licensenote"
TONES = {
    "license.revoked": "danger",
    "license.suspended": "warning",
    "license.denied": "warning",
    "node_cap.exceeded": "warning",
    "node_cap.escalated": "warning",
    "license.reinstated": "success",
    "license.renewed": "success",
}
STATUS_KINDS = ("license.suspended", "license.reinstated", "license.revoked")


class NoteForm(ServiceForm):
    """What staff write down beside the history."""

    text = note("Note", max_length=LONGEST, required=True, help_text="For staff. Addresses become links.")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline. `text` is what people typed; `note` is set for a note of staff."""

    at: datetime
    by: str
    what: str
    url: str = ""
    tone: str = ""
    text: SafeString | str = ""
    note: LicenseNote | None = None
    own: bool = False


def may_see(request: HttpRequest) -> bool:
    return request.user.has_perm("history.view_event") or request.user.has_perm("licenses.view_licensenote")


def content(request: HttpRequest, row: License) -> dict[str, Any]:
    """A page of the timeline, and the form for a new note."""
    page = _page_number(request)
    places = list(_places(request, row)[(page - 1) * PAGE : page * PAGE + 1])
    url = tab_url(row, SLUG)
    return {
        "entries": _entries(request, row, places[:PAGE]),
        "newer": f"{url}&page={page - 1}" if page > 1 else "",
        "older": f"{url}&page={page + 1}" if len(places) > PAGE else "",
        "sees_events": request.user.has_perm("history.view_event"),
        "form": NoteForm(auto_id="note_%s") if request.user.has_perm(WRITE) else None,
    }


def _page_number(request: HttpRequest) -> int:
    text = request.GET.get("page", "")
    return min(max(int(text), 1), LAST_PAGE) if text.isdecimal() and len(text) < 6 else 1  # noqa: PLR2004 - digits of LAST_PAGE


def _places(request: HttpRequest, row: License) -> Any:
    """When, which table and which row of what is to be seen: both tables in one order."""
    found = []
    if _may(request, "history.view_event"):
        found.append(_in_places(_events(row), "event", "at"))
    if _may(request, "licenses.view_licensenote"):
        found.append(_in_places(LicenseNote.objects.filter(license=row), "note", "created_at"))
    merged = found[0].union(*found[1:], all=True) if len(found) > 1 else found[0]
    return merged.order_by("-when", "-table", "-key")


def _in_places(rows: Any, table: str, when: str) -> Any:
    columns = {"when": F(when), "table": Value(table, output_field=CharField()), "key": F("pk")}
    return rows.order_by().annotate(**columns).values_list("when", "table", "key")


def _events(row: License) -> QuerySet[Event]:
    """What happened to a license. A note that is there speaks for itself; that one was deleted is told."""
    told = ~Q(kind="license.noted") | Q(data__change="deleted")
    return Event.objects.filter(told, subject=f"license:{row.public_id}")


def _may(request: HttpRequest, permission: str) -> bool:
    return bool(request.user.has_perm(permission))


def _entries(request: HttpRequest, row: License, places: list[tuple[datetime, str, int]]) -> list[Entry]:
    events = Event.objects.in_bulk([key for _, table, key in places if table == "event"])
    notes = LicenseNote.objects.select_related("author").in_bulk(
        [key for _, table, key in places if table == "note"]
    )
    actors_told = [*(event.actor for event in events.values()), *(note.written_by for note in notes.values())]
    names = {actor: name.text for actor, name in names_of(filter(None, actors_told)).items()}
    names[f"license:{row.public_id}"] = "A deployment of it"
    reasons = _reasons(row) if events else {}
    found: list[Entry] = []
    for _, table, key in reversed(places):
        if table == "note":
            found.append(_of_note(notes[key], names, request))
        elif (
            (event := events[key]).kind == "posture.changed" and found and _same_act(event, found[-1], names)
        ):
            found[-1] = replace(found[-1], what=f"{found[-1].what} {event.sentence}")
        else:
            found.append(_of_event(event, names[event.actor], reasons))
    return found[::-1]


def _same_act(event: Event, before: Entry, names: dict[str, str]) -> bool:
    """Did this follow at once from what stands before it?"""
    return before.note is None and (before.at, before.by) == (event.at, names[event.actor])


def _reasons(row: License) -> dict[str, str]:
    """Reasons of renewals by the key that each signed, of a status by kind and instant: history keeps no text."""
    renewals = row.renewals.exclude(reason="").exclude(issuance=None).values_list("issuance__jti", "reason")
    given = row.status_reasons.order_by("pk").values_list("kind", "given_at", "reason")
    return {
        **{short(jti): reason for jti, reason in renewals},
        **{f"{kind} {at.isoformat()}": reason for kind, at, reason in given},
    }


def _of_event(event: Event, by: str, reasons: dict[str, str]) -> Entry:
    text = reasons.get(str(event.data.get("jti", "")), "") if event.kind == "license.renewed" else ""
    if event.kind in STATUS_KINDS:
        text = reasons.get(f"{event.kind} {event.at.isoformat()}", "")
    what = f"{event.sentence} {event.details}".strip() or event.kind
    return Entry(event.at, by, what, page_of(event), TONES.get(event.kind, ""), linked(text) if text else "")


def _of_note(row: LicenseNote, names: dict[str, str], request: HttpRequest) -> Entry:
    own = row.author_id == request.user.pk and _may(request, WRITE)
    what = "Note" if row.edited_at is None else "Note, changed later"
    by = str(row.author) if row.author else names[row.written_by]
    return Entry(row.created_at, by, what, text=linked(row.text), note=row, own=own)


# --- writing ------------------------------------------------------------------------------------------


def add_view(request: HttpRequest, row: License) -> HttpResponse:
    """Keep a new note; what is wrong with it is said on a page of its own."""
    place, form = _place(row), NoteForm(posted(request))
    by = _by(place.author(request))
    if form.submit(request, lambda data: note_add(license=row, text=data["text"], **by)) is None:
        return place.page(request, form, "Add note")
    return place.back(request, "The note was added.")


def edit_view(request: HttpRequest, row: License, pk: int) -> HttpResponse:
    """Change one's own note."""
    place = _place(row)
    author = place.author(request)
    found = own_note(LicenseNote.objects.filter(license=row), pk, author)
    form = NoteForm(posted(request), initial={"text": found.text})
    return note_edit_page(
        request, place, form, lambda data: note_edit(note=found, text=data["text"], **_by(author))
    )


def delete_view(request: HttpRequest, row: License, pk: int) -> HttpResponse:
    """Delete one's own note."""
    place = _place(row)
    author = place.author(request)
    found = own_note(LicenseNote.objects.filter(license=row), pk, author)
    return note_delete_page(request, place, found, lambda: note_delete(note=found, **_by(author)))


def _place(row: License) -> Place:
    return Place(row, f"{row.account.name}, {row.product.name} {row.plan.name}", tab_url(row, SLUG), WRITE)


def _by(author: User) -> dict[str, Any]:
    return {"author": author, "actor": actors.user(author), "at": now()}


tab_register(
    Tab(
        slug=SLUG, title="Timeline", order=20, template="admin/signet/license_timeline.html",
        content=content, allowed=may_see,
        views=(
            View("notes/add/", "note_add", add_view),
            View("notes/<int:pk>/edit/", "note_edit", edit_view),
            View("notes/<int:pk>/delete/", "note_delete", delete_view),
        ),
    )
)  # fmt: skip
