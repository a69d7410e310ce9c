"""Addresses that are not written to: the list, adding one by hand, and lifting with a reason."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import display
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RadioFilter
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminEmailInputWidget

from config.kit import actors
from config.kit.admin import ReadOnlyAdmin
from config.kit.clock import now
from config.kit.display import day, instant, label, link, page_of
from config.kit.forms import ServiceForm, note, posted, select
from config.kit.pages import form_page, in_dialog
from licenses.admin.people import names_of
from notifications.admin.message_display import REASON_TONES
from notifications.models import Stream, Suppression
from notifications.searching import suppressions_like
from notifications.services.suppressions import LONGEST_REASON, suppression_add, suppression_lift

LIFT = "notifications.resend_message"
EVERY = "every stream"
STREAMS = [
    ("", "Everything but transactional mail"),
    *((s.value, s.label.capitalize()) for s in Stream if s != Stream.TRANSACTIONAL),
]


class ForceFilter(RadioFilter):  # type: ignore[misc] # unfold ships no types
    title = "standing"
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("force", "In force"), ("lifted", "Lifted")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in {"force", "lifted"}:
            return queryset
        return queryset.filter(lifted_at__isnull=self.value() == "force")


class LiftForm(ServiceForm):
    WIDE = ("reason",)

    reason = note(
        "Why", max_length=LONGEST_REASON, required=True, help_text="Kept with the suppression, for staff."
    )


class AddForm(ServiceForm):
    address = forms.EmailField(label="Address", max_length=254, widget=UnfoldAdminEmailInputWidget())
    stream = select("What is not sent", STREAMS, required=False)


@admin.register(Suppression)
class SuppressionAdmin(ReadOnlyAdmin):
    list_display = ("address_shown", "what", "why", "standing", "since", "message_shown")
    list_display_links = ("address_shown",)
    list_select_related = ("message",)
    list_filter = (ForceFilter, ("reason", ChoicesDropdownFilter), ("stream", ChoicesDropdownFilter))
    show_facets = admin.ShowFacets.NEVER  # each would count the whole table
    search_fields = ("address",)
    search_help_text = "A piece of the address"
    ordering = ("-id",)
    sortable_by = ()
    actions_list = ("add_one",)
    actions_row = ("lift",)
    actions_detail = ("lift",)
    fields = ("address_shown", "what", "why", "standing", "made", "cause", "lifted")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Suppression]:
        rows: QuerySet[Suppression] = super().get_queryset(request)
        return rows.select_related("message").defer("message__parts")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return self.fields

    # --- list and page ----------------------------------------------------------------------------

    @display(description="Address")
    def address_shown(self, row: Suppression) -> SafeString:
        return format_html('<span class="sg-wrap">{}</span>', row.address)

    @display(description="What is not sent")
    def what(self, row: Suppression) -> str:
        return row.get_stream_display() if row.stream else EVERY

    @display(description="Because")
    def why(self, row: Suppression) -> SafeString:
        return label(str(row.get_reason_display()), REASON_TONES.get(row.reason, ""))

    @display(description="Standing")
    def standing(self, row: Suppression) -> SafeString:
        return label("in force", "warning") if row.lifted_at is None else label("lifted")

    @display(description="Since")
    def since(self, row: Suppression) -> SafeString | str:
        return day(row.created_at)

    @display(description="Mail")
    def message_shown(self, row: Suppression) -> SafeString | str:
        return link(row.message) if row.message else "-"

    @display(description="Added")
    def made(self, row: Suppression) -> str:
        return f"{instant(row.created_at)} by {_who(row.created_by)}"

    @display(description="Mail that caused it")
    def cause(self, row: Suppression) -> SafeString | str:
        return link(row.message) if row.message else "none"

    @display(description="Lifted")
    def lifted(self, row: Suppression) -> str:
        if row.lifted_at is None:
            return "no"
        return f"{instant(row.lifted_at)} by {_who(row.lifted_by)}: {row.lifted_reason}"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Suppression], search_term: str
    ) -> tuple[QuerySet[Suppression], bool]:
        return (suppressions_like(queryset, search_term) if search_term.strip() else queryset), False

    # --- actions ----------------------------------------------------------------------------------

    def has_lift_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        if not request.user.has_perm(LIFT):
            return False
        return object_id is None or Suppression.objects.filter(pk=object_id, lifted_at=None).exists()

    @in_dialog
    @action(  # type: ignore[untyped-decorator] # unfold ships no types
        description="Allow mail again", icon="mark_email_read", url_path="lift", permissions=["lift"],
        variant=ActionVariant.PRIMARY,
    )  # fmt: skip
    def lift(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        form = LiftForm(posted(request))
        lifted = form.submit(
            request,
            lambda data: suppression_lift(
                suppression=row, reason=data["reason"], actor=actors.user(request.user), at=now()
            ),
        )
        if lifted is not None:
            messages.success(request, f"Mail may go to {row.address} again.")
            return HttpResponseRedirect(page_of(row))
        return form_page(
            request, form, title=f"Allow mail to {row.address} again", submit="Allow mail again", back=page_of(row),
            opts=self.model._meta, original=row, consequences=_says(row),
        )  # fmt: skip

    @in_dialog
    @action(description="Stop mail to an address", icon="block", url_path="stop", permissions=["lift"])  # type: ignore[untyped-decorator] # unfold ships no types
    def add_one(self, request: HttpRequest) -> HttpResponse:
        if not request.user.has_perm(LIFT):
            raise PermissionDenied
        form = AddForm(posted(request))
        added = form.submit(
            request,
            lambda data: suppression_add(
                address=data["address"], stream=data["stream"], reason=Suppression.Reason.MANUAL,
                actor=actors.user(request.user), at=now(),
            ),
        )  # fmt: skip
        if added is not None:
            messages.success(request, f"No more such mail goes to {added.address}.")
            return HttpResponseRedirect(page_of(added))
        return form_page(
            request, form, title="Stop mail to an address", submit="Stop mail", opts=self.model._meta,
            back=reverse("admin:notifications_suppression_changelist"),
            consequences=(
                "Notices, digests and trial mail are no longer sent to it. Somebody can allow them again here.",
                "A license that staff mail to it still goes out: transactional mail is owed.",
            ),
        )  # fmt: skip


def _who(actor: str) -> str:
    if actor.startswith("recipient:"):
        return "the recipient"
    return names_of([actor])[actor]


def _says(row: Suppression) -> tuple[str, ...]:
    match row.reason:
        case Suppression.Reason.HARD_BOUNCE:
            return (
                "The receiver's server said that this mailbox does not exist. Allow it only when you know it does.",
                "When mail bounces again, the address is suppressed again.",
            )
        case Suppression.Reason.COMPLAINT:
            return (
                "The recipient called our mail spam. Allow it only when they asked for it.",
                "A second complaint can make the mail provider refuse all our mail.",
            )
        case Suppression.Reason.UNSUBSCRIBE:
            return ("The recipient asked for no more of this. Allow it only when they asked for it again.",)
    return ("Staff stopped mail to this address. From now on it is written to again.",)
