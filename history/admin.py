"""The history as staff see it: to look at, never to change."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet, Value
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, TextFilter
from unfold.decorators import action

from config.kit import actors
from config.kit.admin import ReadOnlyAdmin, tell
from config.kit.clock import now
from config.kit.errors import Refusal
from config.kit.filters import DaysFilter
from history.domain.kinds import Kind
from history.models import Checkpoint, Event, ParkedEvent, Reader
from history.naming import Named, meant, names_of
from history.selectors import tree_size
from history.services.feed import parked_rerun
from history.services.proving import inclusion_prove

SHORT = 24  # characters that stand in one line of a narrow column


class NamedFilter(TextFilter):  # type: ignore[misc] # unfold ships no types
    """Rows whose column names what was typed: an index finds them among millions.

    What may be typed is the id itself, and whatever the owner of the type knows its rows by.
    """

    column: str
    kind: str
    prefixed = True

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = (self.value() or "").strip()
        if not value:
            return queryset
        if not value.isprintable():  # PostgreSQL takes no NUL
            return queryset.none()
        prefix = f"{self.kind}:" if self.prefixed else ""
        found = [f"{prefix}{each}" for each in meant(self.kind, value.removeprefix(f"{self.kind}:"))]
        return queryset.filter(**{f"{self.column}__in": [value, *found]})


class AccountFilter(NamedFilter):
    title = "account (name, slug or C-…)"
    parameter_name = column = kind = "account"
    prefixed = False


class LicenseFilter(NamedFilter):
    title = "license (L-…)"
    parameter_name = kind = "license"
    column = "subject"


class ActorFilter(NamedFilter):
    title = "who did it (e-mail or name)"
    parameter_name = column = "actor"
    kind = "user"


class SubjectFilter(NamedFilter):
    title = "what it is about (type:id)"
    parameter_name = column = kind = "subject"
    prefixed = False


def groups() -> dict[str, list[str]]:
    """The kinds by what they are about: the word before the dot."""
    found: dict[str, list[str]] = {}
    for kind in sorted(Kind):
        found.setdefault(kind.partition(".")[0], []).append(kind.value)
    return found


class GroupFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    title = "everything about"
    parameter_name = "group"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(group, group.replace("_", " ")) for group in groups()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        kinds = groups().get(self.value() or "")
        return queryset if kinds is None else queryset.filter(kind__in=kinds)


class KindFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind.value, kind.value) for kind in sorted(Kind)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        return queryset.filter(kind=self.value()) if self.value() in list(Kind) else queryset


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ("when", "what", "about", "account_named", "who", "position")
    list_display_links = ("when",)
    list_filter = (
        GroupFilter,
        KindFilter,
        AccountFilter,
        LicenseFilter,
        ActorFilter,
        SubjectFilter,
        ("at", DaysFilter),
    )
    list_select_related = ("entry",)
    ordering = ("-id",)
    sortable_by = ()
    empty_title = "Nothing has happened yet"
    empty_text = (
        "Every change writes one line here, in the transaction that makes it. Lines are never changed."
    )
    fieldsets = (
        (
            None,
            {"fields": ("meaning", "kind", "when", "about", "account_named", "who", "pretty_data")},
        ),
        ("Evidence", {"fields": ("position", "subject", "actor", "uid", "recorded_at", "leaf_hash")}),
    )
    actions_detail = ("download_proof",)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The rows of the page, each with the names of what it is about: one query a type, not one a row."""
        changelist = super().get_changelist_instance(request)
        changelist.result_list = list(changelist.result_list)
        _name(changelist.result_list)
        return changelist

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        event = super().get_object(request, object_id, from_field)
        if event is not None:
            _name([event])
        return event

    @admin.display(description="When")
    def when(self, event: Event) -> SafeString:
        return format_html('<span class="whitespace-nowrap">{}</span>', f"{event.at:%Y-%m-%d %H:%M} UTC")

    @admin.display(description="What happened")
    def what(self, event: Event) -> SafeString:
        return format_html(
            '<div class="sg-wrap">{} <span class="text-subtle">{}</span></div>'
            '<div class="sg-mono text-subtle">{}</div>',
            event.sentence, event.details, event.kind,
        )  # fmt: skip

    @admin.display(description="About")
    def about(self, event: Event) -> SafeString:
        return _named(event, event.subject)

    @admin.display(description="Account")
    def account_named(self, event: Event) -> SafeString | str:
        if not event.account or event.subject == f"account:{event.account}":
            return "-"
        return _named(event, f"account:{event.account}", event.account)

    @admin.display(description="By")
    def who(self, event: Event) -> SafeString:
        return _named(event, event.actor)

    @admin.display(description="Position")
    def position(self, event: Event) -> str:
        return str(event.entry.position) if hasattr(event, "entry") else "waiting"

    @admin.display(description="What happened")
    def meaning(self, event: Event) -> str:
        return f"{event.sentence} {event.details}".strip()

    @admin.display(description="Data")
    def pretty_data(self, event: Event) -> SafeString:
        return format_html(
            '<pre class="sg-mono sg-pre">{}</pre>', json.dumps(event.data, indent=2, ensure_ascii=False)
        )

    @admin.display(description="Leaf hash (SHA-256, RFC 6962)")
    def leaf_hash(self, event: Event) -> str:
        return bytes(event.entry.leaf_hash).hex() if hasattr(event, "entry") else "waiting"

    @action(description="Download inclusion proof", url_path="proof", permissions=["view"])  # type: ignore[untyped-decorator] # unfold ships no types
    def download_proof(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Answer with the proof as a JSON file, or back on the event's page with the reason why not."""
        try:
            proof = inclusion_prove(event_id=int(object_id))
        except Refusal as refusal:
            tell(request, refusal)
            return HttpResponseRedirect(_page(object_id))
        name = f"event-{proof.position}-of-{proof.size}.json"
        return HttpResponse(
            json.dumps(proof.document(), indent=2),
            content_type="application/json",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnlyAdmin):
    list_display = ("size", "root_hash", "at")
    ordering = ("-size",)
    sortable_by = ()
    fields = ("size", "root_hash", "at", "verifier_key", "signed_note")
    empty_title = "No checkpoint was signed yet"
    empty_text = "A task signs one as soon as there is an event to sign for."
    list_select_related = ("key",)

    @admin.display(description="Root")
    def root_hash(self, checkpoint: Checkpoint) -> str:
        return bytes(checkpoint.root).hex()

    @admin.display(description="Verifier key")
    def verifier_key(self, checkpoint: Checkpoint) -> str:
        return str(checkpoint.key.verifier_key)

    @admin.display(description="Signed note")
    def signed_note(self, checkpoint: Checkpoint) -> SafeString:
        return format_html("<pre>{}</pre>", checkpoint.note)


@admin.register(Reader)
class ReaderAdmin(ReadOnlyAdmin):
    empty_title = "Nobody reads the history yet"
    empty_text = "A reader shows up here with its first event, and how far it has come."
    list_display = ("name", "position", "behind", "attempts", "error", "moved_at")
    ordering = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Reader]:
        readers: QuerySet[Reader] = super().get_queryset(request)
        return readers.annotate(tree_size=Value(tree_size()))

    @admin.display(description="Events behind")
    def behind(self, reader: Reader) -> int:
        return max(getattr(reader, "tree_size", 0) - reader.position, 0)


@admin.register(ParkedEvent)
class ParkedEventAdmin(ReadOnlyAdmin):
    list_display = ("event", "reader", "state", "attempts", "error", "parked_at", "done_at")
    list_filter = (("state", ChoicesDropdownFilter),)
    list_select_related = ("event", "reader")
    ordering = ("-id",)
    sortable_by = ()
    fields = ("event", "reader", "state", "attempts", "error", "parked_at", "done_at")
    empty_title = "Nothing is parked"
    empty_text = "An event that a reader keeps failing on would wait here to be run again."
    actions = ("rerun",)

    def has_rerun_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("history.rerun_parkedevent")

    @action(description="Run again", permissions=["rerun"])  # type: ignore[untyped-decorator] # unfold ships no types
    def rerun(self, request: HttpRequest, queryset: QuerySet[ParkedEvent]) -> None:
        actor, at, done = actors.user(request.user), now(), 0
        for parked_id in queryset.order_by("id").values_list("pk", flat=True):
            try:
                parked_rerun(parked_id=parked_id, actor=actor, at=at)
                done += 1
            except Refusal as refusal:
                tell(request, refusal)
        if done:
            messages.success(request, f"{done} events were run again.")


def _page(object_id: str) -> str:
    return reverse("admin:history_event_change", args=[object_id])


def _name(events: Sequence[Event]) -> None:
    """Give events the names of what they are about."""
    things = {thing for event in events for thing in (event.subject, event.actor, f"account:{event.account}")}
    names = names_of(things)
    for event in events:
        vars(event)["names"] = names


def _named(event: Event, thing: str, otherwise: str = "") -> SafeString:
    """The name of a thing as a link to its page; what nobody names stands as it is."""
    name: Named = vars(event)["names"][thing]
    text = otherwise if otherwise and name.text == thing else name.text
    style = "whitespace-nowrap" if len(text) <= SHORT else "sg-wrap"
    if not name.url:
        return format_html('<span class="{}" title="{}">{}</span>', style, thing, text)
    return format_html('<a href="{}" class="text-link {}" title="{}">{}</a>', name.url, style, thing, text)
