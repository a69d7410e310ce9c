"""Mail: the send log, the page of one message, and sending it again."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import display
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST, require_safe
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, TextFilter
from unfold.decorators import action

from accounts.naming import accounts_meant
from config.kit import actors
from config.kit.admin import ReadOnlyAdmin
from config.kit.clock import now
from config.kit.display import link, page_of
from config.kit.filters import DaysFilter
from config.kit.forms import ServiceForm, posted
from config.kit.ids import parse_license_id
from config.kit.pages import form_page
from notifications.admin.gallery import Gallery
from notifications.admin.mail_view import mail_frame
from notifications.admin.message_display import meaning, state_label, template_title
from notifications.admin.message_page import may_see_secret, message_page, message_rendered
from notifications.mail_templates import TEMPLATES
from notifications.models import Message
from notifications.searching import messages_like
from notifications.selectors.messages import messages_failed
from notifications.selectors.suppressions import suppression_of
from notifications.services.reading import message_read
from notifications.services.resending import message_hurry, message_resend, messages_hurry

RESEND = "notifications.resend_message"


class WaitsFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    """What stands under "Needs attention": the same rows."""

    title = "waits for a person"
    parameter_name = "waits"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("1", "did not arrive")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return (
            queryset.filter(pk__in=messages_failed(at=now()).values("pk"))
            if self.value() == "1"
            else queryset
        )


class TemplateFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    title = "template"
    parameter_name = "template"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, template.title) for name, template in TEMPLATES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(template=self.value()) if self.value() in TEMPLATES else queryset


class WrittenFilter(DaysFilter):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = "day it was written"


class AccountFilter(TextFilter):  # type: ignore[misc] # unfold ships no types
    """Mail about the account that is called so, as in the list of licenses."""

    title = "account"
    parameter_name = "account"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        name = (self.value() or "").strip()
        return queryset.filter(account__in=accounts_meant(name)) if name else queryset


class LicenseFilter(TextFilter):  # type: ignore[misc] # unfold ships no types
    """Mail about the license with this id."""

    title = "license"
    parameter_name = "license"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = (self.value() or "").strip()
        if not value:
            return queryset
        uid = parse_license_id(value)
        return queryset.filter(license__uid=uid) if uid else queryset.none()


@admin.register(Message)
class MessageAdmin(Gallery, ReadOnlyAdmin):
    list_display = (
        "recipient_shown",
        "subject_shown",
        "template_shown",
        "stream",
        "state_shown",
        "account_shown",
        "written",
    )
    list_display_links = ("recipient_shown", "subject_shown")
    list_select_related = ("account",)
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("stream", ChoicesDropdownFilter),
        TemplateFilter,
        ("created_at", WrittenFilter),
        AccountFilter,
        LicenseFilter,
        WaitsFilter,
    )
    show_facets = admin.ShowFacets.NEVER  # each would count the whole table
    search_fields = ("recipient",)
    search_help_text = "A piece of the address or of the subject"
    ordering = ("-id",)
    sortable_by = ()
    actions_list = ("hurry_all", "gallery")

    class Media:
        css = {"all": ("signet/mail.css",)}

    # --- list -------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        rows: QuerySet[Message] = super().get_queryset(request)
        return rows.defer("parts")

    @display(description="To")
    def recipient_shown(self, row: Message) -> SafeString:
        return format_html('<span class="sg-recipient">{}</span>', row.recipient)

    @display(description="Subject")
    def subject_shown(self, row: Message) -> SafeString:
        return format_html('<span class="sg-wrap">{}</span>', row.subject)

    @display(description="Template")
    def template_shown(self, row: Message) -> str:
        return template_title(row.template)

    @display(description="State")
    def state_shown(self, row: Message) -> SafeString:
        return format_html('<span title="{}">{}</span>', row.error or meaning(row), state_label(row))

    @display(description="Account")
    def account_shown(self, row: Message) -> SafeString | str:
        return link(row.account) if row.account else "-"

    @display(description="Written, UTC")
    def written(self, row: Message) -> SafeString:
        return format_html('<span class="whitespace-nowrap">{}</span>', f"{row.created_at:%Y-%m-%d %H:%M}")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Message], search_term: str
    ) -> tuple[QuerySet[Message], bool]:
        return (messages_like(queryset, search_term) if search_term.strip() else queryset), False

    # --- page of one ------------------------------------------------------------------------------

    def row(self, request: HttpRequest, object_id: str | int) -> Message:
        """The message of a page. Raises PermissionDenied and Http404."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = Message.objects.select_related("account", "license__account", "resent_from")
        key = str(object_id)
        found = rows.filter(pk=key).first() if key.isdecimal() and len(key) < 19 else None  # noqa: PLR2004 - beyond no key
        if found is None:
            raise Http404
        return found

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """The page is to look at: there is nothing to post to it."""
        return require_safe(message_page)(
            request, self.row(request, object_id), may_resend=self._may(request)
        )

    def get_urls(self) -> list[URLPattern]:
        def own(route: str, view: Any, name: str) -> Any:
            guarded = admin.site.admin_view(view)
            return path(f"<int:pk>/{route}/", guarded, name=f"notifications_message_{name}")

        return [
            own("html", require_safe(self.html_view), "html"),
            own("key", require_POST(self.key_view), "key"),
            own("file/<int:number>", require_POST(self.file_view), "file"),
            own("resend", self.resend_view, "resend"),
            own("try", require_POST(self.try_view), "try"),
            *super().get_urls(),
        ]

    def html_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The HTML part for its frame, keys masked."""
        return mail_frame(message_rendered(self.row(request, pk)))

    def key_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The text with the key in it, for who may see keys; that they saw it is an event."""
        row = self._secret(request, pk)
        parts = message_read(message=row, actor=actors.user(request.user), at=now())
        answer = message_page(request, row, may_resend=self._may(request), revealed=parts)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def file_view(self, request: HttpRequest, pk: int, number: int) -> HttpResponse:
        """A file of the mail, as it was sent."""
        row = self.row(request, pk)
        files = message_rendered(row).files
        if number >= len(files):
            raise Http404
        if files[number].secret:
            row = self._secret(request, pk)
            message_read(message=row, actor=actors.user(request.user), at=now())
        name = files[number].name.replace('"', "").replace("\\", "")
        headers = {
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
        return HttpResponse(files[number].content, content_type="application/octet-stream", headers=headers)

    def _secret(self, request: HttpRequest, pk: int) -> Message:
        row = self.row(request, pk)
        if not may_see_secret(request, row):
            raise PermissionDenied
        return row

    # --- sending again ----------------------------------------------------------------------------

    def _may(self, request: HttpRequest) -> bool:
        return request.user.has_perm(RESEND)

    def has_resend_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return self._may(request)

    def _demand(self, request: HttpRequest) -> None:
        if not self._may(request):
            raise PermissionDenied

    def resend_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        self._demand(request)
        row, at = self.row(request, pk), now()
        form = ServiceForm(posted(request))
        again = form.submit(
            request, lambda _data: message_resend(message=row, actor=actors.user(request.user), at=at)
        )
        if again is not None:
            messages.success(request, f"It is sent to {row.recipient} again.")
            return HttpResponseRedirect(page_of(again))
        return form_page(
            request, form, title=f"Send again: {row.subject}", submit="Send again", back=page_of(row),
            opts=self.model._meta, original=row, consequences=_says(row),
        )  # fmt: skip

    def try_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Do not wait for the next attempt."""
        self._demand(request)
        row = self.row(request, pk)
        if message_hurry(message=row, at=now()):
            messages.success(request, "It is tried now. Look again in a moment.")
        else:
            messages.info(request, "It does not wait any more.")
        return HttpResponseRedirect(page_of(row))

    @action(
        description="Try waiting mail now", icon="schedule_send", url_path="hurry", permissions=["resend"]
    )  # type: ignore[untyped-decorator] # unfold ships no types
    def hurry_all(self, request: HttpRequest) -> HttpResponse:
        waiting = Message.objects.filter(state=Message.State.QUEUED, due_at__gt=now()).count()
        form = ServiceForm(posted(request))
        back = reverse("admin:notifications_message_changelist")
        hurried = form.submit(request, lambda _data: (messages_hurry(at=now()),))
        if hurried is not None:
            messages.success(request, f"{hurried[0]:,} messages are tried now.")
            return HttpResponseRedirect(back)
        says = (
            f"{waiting:,} message{'s wait' if waiting != 1 else ' waits'} for a later attempt.",
            "They are tried now instead, as when the mail server is back. What fails again waits for its next attempt.",
        )
        return form_page(
            request, form, title="Try waiting mail now", submit="Try now", back=back, opts=self.model._meta,
            consequences=says,
        )  # fmt: skip


def _says(row: Message) -> list[str]:
    says = [
        f"{row.recipient} receives the same words and files once more, as a new mail.",
        "It stands in the log as a repetition of this one.",
    ]
    stopped = suppression_of(row.recipient, row.stream)
    if stopped is not None:
        says.append(
            f"The address is not written to ({stopped.get_reason_display()}): it would not be sent. "
            "Lift the suppression first."
        )
    return says
