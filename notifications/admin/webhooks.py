"""Endpoints of outbound webhooks: made, tested, rotated, switched, replayed, deleted (C31)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import update_wrapper
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import display
from django.core.exceptions import PermissionDenied
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST, require_safe
from unfold.contrib.filters.admin import BooleanRadioFilter

from accounts.second_factor import second_factor_required
from config.kit import actors
from config.kit.admin import ReadOnlyAdmin, tell
from config.kit.clock import now
from config.kit.display import day, instant, page_of
from config.kit.errors import Refusal
from config.kit.forms import ServiceForm, posted
from config.kit.pages import form_page
from history.domain.kinds import KINDS
from licenses.admin.people import names_of
from notifications.admin.webhook_display import (
    deliveries_table,
    endpoint_label,
    events_in_words,
    log_url,
    status_label,
)
from notifications.admin.webhook_forms import SINCE, DeleteForm, ReplayForm, WebhookForm
from notifications.models import Delivery, WebhookEndpoint
from notifications.selectors.webhooks import OPEN, SEALED, host_of, overlaps
from notifications.services.deliveries import webhook_test
from notifications.services.replaying import LIMIT, deliveries_replay_dead, deliveries_replay_since
from notifications.services.webhooks import (
    OVERLAP,
    webhook_create,
    webhook_delete,
    webhook_rotate,
    webhook_update,
)

MANAGE = "notifications.manage_webhook"
View = Callable[..., Any]
RECENT = 10
HOURS = OVERLAP // timedelta(hours=1)


def _for_managers(view: View) -> View:
    """A view for who may change endpoints. It comes before the second factor: others meet a 403."""

    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not request.user.has_perm(MANAGE):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return update_wrapper(guarded, view)


def counted(**where: Any) -> Coalesce:
    """How many deliveries of an endpoint there are, as a column of it."""
    rows = Delivery.objects.filter(endpoint=OuterRef("pk"), event__isnull=False, **where).order_by()
    number = rows.values("endpoint").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(number, output_field=IntegerField()), 0)


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ReadOnlyAdmin):
    list_display = ("name", "where", "hears_of", "state", "waiting_shown", "dead_shown", "created")
    list_display_links = ("name",)
    list_filter = (("enabled", BooleanRadioFilter),)
    search_fields = ("name",)
    search_help_text = "Name"
    ordering = ("name", "id")
    sortable_by = ()
    empty_title = "No endpoint yet"
    empty_text = (
        "Add the address of a system of yours: it hears of every license as it is issued, renewed or revoked."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEndpoint]:
        rows: QuerySet[WebhookEndpoint] = super().get_queryset(request)
        rows = rows.filter(deleted_at=None).defer(*SEALED)
        return rows.annotate(waiting=counted(state__in=OPEN), dead=counted(state=Delivery.State.DEAD))

    # --- list -------------------------------------------------------------------------------------

    @display(description="Host")
    def where(self, row: WebhookEndpoint) -> SafeString:
        return format_html('<span class="sg-mono sg-wrap">{}</span>', host_of(row))

    @display(description="Hears of")
    def hears_of(self, row: WebhookEndpoint) -> str:
        return events_in_words(row)

    @display(description="State")
    def state(self, row: WebhookEndpoint) -> SafeString:
        return format_html('<span title="{}">{}</span>', row.disabled_reason, endpoint_label(row))

    @display(description="Waiting")
    def waiting_shown(self, row: WebhookEndpoint) -> str:
        return f"{vars(row)['waiting']:,}"

    @display(description="Dead")
    def dead_shown(self, row: WebhookEndpoint) -> SafeString | str:
        number = vars(row)["dead"]
        if not number:
            return "0"
        url = log_url(row, state__exact=Delivery.State.DEAD)
        return format_html('<a href="{}" class="text-link">{}</a>', url, f"{number:,}")

    @display(description="Created")
    def created(self, row: WebhookEndpoint) -> SafeString | str:
        return day(row.created_at)

    # --- who may ----------------------------------------------------------------------------------

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("notifications.view_webhookendpoint") or request.user.has_perm(MANAGE)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MANAGE)

    def row(self, request: HttpRequest, pk: int | str) -> WebhookEndpoint:
        """The endpoint of a page. Raises PermissionDenied and Http404."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = self.get_object(request, str(pk))
        if not isinstance(found, WebhookEndpoint):
            raise Http404
        return found

    def get_urls(self) -> list[URLPattern]:
        def own(route: str, view: View) -> URLPattern:
            guarded = self.admin_site.admin_view(_for_managers(view))
            found: URLPattern = path(
                f"<int:pk>/{route}/", guarded, name=f"notifications_webhookendpoint_{route}"
            )
            return found

        return [
            own("edit", second_factor_required(self.edit_view)),
            own("rotate", second_factor_required(self.rotate_view)),
            own("remove", second_factor_required(self.remove_view)),
            own("switch", require_POST(self.switch_view)),
            own("test", self.test_view),
            own("replay", self.replay_view),
            *super().get_urls(),
        ]

    # --- page of one ------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """The page is to look at: there is nothing to post to it."""
        return require_safe(self._page)(request, self.row(request, object_id))

    def _page(self, request: HttpRequest, row: WebhookEndpoint) -> HttpResponse:
        at = now()
        recent = Delivery.objects.filter(endpoint=row).order_by("-id")[:RECENT]
        may_manage = request.user.has_perm(MANAGE)
        context = {
            **self.admin_site.each_context(request),
            "title": row.name,
            "opts": self.model._meta,
            "original": row,
            "row": row,
            "state": endpoint_label(row),
            "meaning": _meaning(row),
            "waiting": vars(row)["waiting"],
            "dead": vars(row)["dead"],
            "waiting_url": log_url(row, state__exact=Delivery.State.QUEUED),
            "dead_url": log_url(row, state__exact=Delivery.State.DEAD),
            "log_url": log_url(row),
            "last": Delivery.objects.filter(endpoint=row, state=Delivery.State.DELIVERED)
            .order_by("-id")
            .first(),
            "address": row.url if may_manage else f"{row.url.partition(':')[0]}://{host_of(row)}/…",
            "kinds": [(kind, KINDS[kind].sentence) for kind in row.kinds if kind in KINDS],
            "overlapping": row.previous_until if overlaps(row, at=at) else None,
            "created_by": names_of([row.created_by])[row.created_by],
            "recent": deliveries_table(recent),
            "may_manage": may_manage,
            "events_url": _events_url(request, row),
        }
        return TemplateResponse(request, "admin/signet/webhook.html", context)

    # --- making and changing ----------------------------------------------------------------------

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        answer: HttpResponse = _for_managers(second_factor_required(self._add))(request)
        return answer

    def _add(self, request: HttpRequest) -> HttpResponse:
        form = WebhookForm(posted(request))
        made = form.submit(
            request, lambda data: webhook_create(**data, actor=actors.user(request.user), at=now())
        )
        if made is not None:
            return self._secret_page(request, *made, new=True)
        return form_page(
            request, form, title="Add a webhook endpoint", submit="Add and show the secret",
            opts=self.model._meta, back=reverse("admin:notifications_webhookendpoint_changelist"),
            consequences=(
                "From now on every event that it asks for is sent there, signed by Standard Webhooks.",
                "Its secret is shown once, on the next page.",
            ),
        )  # fmt: skip

    def edit_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.row(request, pk)
        form = WebhookForm(posted(request), row=row)
        changed = form.submit(
            request,
            lambda data: webhook_update(
                endpoint=row, changes=data, actor=actors.user(request.user), at=now()
            ),
        )
        if changed is not None:
            messages.success(request, "The endpoint is changed.")
            return HttpResponseRedirect(page_of(row))
        return form_page(
            request, form, title=f"Change {row.name}", submit="Save", opts=self.model._meta, original=row,
            back=page_of(row),
            consequences=("What waits already is sent to the new address; a new filter holds for what happens next.",),
        )  # fmt: skip

    def rotate_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.row(request, pk)
        form = ServiceForm(posted(request))
        made = form.submit(
            request, lambda _data: webhook_rotate(endpoint=row, actor=actors.user(request.user), at=now())
        )
        if made is not None:
            return self._secret_page(request, *made, new=False)
        says = [
            "A new secret is made and shown once, on the next page.",
            f"For {HOURS} hours every request carries a signature of each: the receiver can be changed in between.",
        ]
        if overlaps(row, at=now()):
            says.append(
                "The secret before the last rotation, which still signs, stops at once: two sign at most."
            )
        return form_page(
            request, form, title=f"New secret for {row.name}", submit="Make a new secret", original=row,
            opts=self.model._meta, back=page_of(row), consequences=says,
        )  # fmt: skip

    def _secret_page(
        self, request: HttpRequest, row: WebhookEndpoint, secret: str, *, new: bool
    ) -> HttpResponse:
        """Show the secret in the answer itself: no message, session or log ever holds it."""
        context = {
            **self.admin_site.each_context(request),
            "title": f"Secret of {row.name}",
            "row": row,
            "secret": secret,
            "new": new,
            "hours": HOURS,
            "done_url": page_of(row),
            "test_url": reverse("admin:notifications_webhookendpoint_test", args=[row.pk]),
        }
        answer = TemplateResponse(request, "admin/signet/webhook_secret.html", context)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    # --- the rest ---------------------------------------------------------------------------------

    def switch_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """On, or off: what was asked for stands on the button, so that a page left open does not undo it."""
        row, on = self.row(request, pk), request.POST.get("enabled") == "1"
        try:
            webhook_update(endpoint=row, changes={"enabled": on}, actor=actors.user(request.user), at=now())
        except Refusal as refusal:
            tell(request, refusal)
        else:
            off = "It is off: what waited is cancelled. Switch it on and replay to make up for it."
            messages.success(request, "It is on. What happens from now on is sent." if on else off)
        return HttpResponseRedirect(page_of(row))

    def test_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.row(request, pk)
        form = ServiceForm(posted(request))
        attempt = form.submit(request, lambda _data: webhook_test(endpoint=row, clock=now))
        return form_page(
            request, form, title=f"Test {row.name}", opts=self.model._meta, original=row, back=page_of(row),
            submit="Send it again" if attempt else "Send a test event", template="admin/signet/webhook_test.html",
            attempt=attempt, status=status_label(attempt) if attempt else "",
            delivery_url=page_of(attempt.delivery) if attempt else "",
            consequences=() if attempt else (
                f"An event of the kind webhook.test is signed and sent to {host_of(row)} now.",
                "It is tried once, and what comes back stands here, after 15 seconds at the latest.",
            ),
        )  # fmt: skip

    def replay_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.row(request, pk)
        form = ReplayForm(posted(request))
        count = form.submit(request, lambda data: (_replay(request, row, data),))
        if count is not None:
            _say_replayed(request, count[0])
            return HttpResponseRedirect(page_of(row))
        says = (
            f"{vars(row)['dead']:,} dead at this moment. Each keeps its webhook-id, by which the receiver knows it.",
            f"They go out one after the other, with the whole schedule of attempts; {LIMIT:,} at once at most.",
        )
        return form_page(
            request, form, title=f"Send again to {row.name}", submit="Send again", opts=self.model._meta,
            original=row, back=page_of(row), consequences=says,
        )  # fmt: skip

    def remove_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.row(request, pk)
        form = DeleteForm(posted(request))
        gone = form.submit(
            request, lambda _data: webhook_delete(endpoint=row, actor=actors.user(request.user), at=now())
        )
        if gone is not None:
            messages.success(request, f"{row.name} is deleted. Its deliveries stay in the log.")
            return HttpResponseRedirect(reverse("admin:notifications_webhookendpoint_changelist"))
        says = (
            f"Nothing is sent to {host_of(row)} any more, and what waits ({vars(row)['waiting']:,}) is cancelled.",
            "Its secrets are destroyed. What was sent stays in the log of deliveries.",
            "This is final. To pause it, switch it off instead.",
        )
        return form_page(
            request, form, title=f"Delete {row.name}", submit="Delete", danger=True, opts=self.model._meta,
            original=row, back=page_of(row), consequences=says,
        )  # fmt: skip


def _meaning(row: WebhookEndpoint) -> str:
    if not row.enabled:
        return (
            row.disabled_reason
            or "Switched off by staff. Nothing is sent, and nothing is written down to be sent."
        )
    if row.failing_since:
        return f"Every request has failed since {instant(row.failing_since)}. After five days it is switched off."
    return "Events are sent as they happen."


def _replay(request: HttpRequest, row: WebhookEndpoint, data: dict[str, Any]) -> int:
    by: dict[str, Any] = {"actor": actors.user(request.user), "at": now()}
    if data["what"] == SINCE:
        return deliveries_replay_since(endpoint=row, since=data["since"], delivered=data["delivered"], **by)
    return deliveries_replay_dead(endpoint=row, **by)


def _say_replayed(request: HttpRequest, count: int) -> None:
    if count:
        messages.success(
            request, f"{count:,} {'delivery is' if count == 1 else 'deliveries are'} on the way again."
        )
    else:
        messages.info(request, "There was nothing to send again.")


def _events_url(request: HttpRequest, row: WebhookEndpoint) -> str:
    """The history of an endpoint, for who may see it."""
    if not request.user.has_perm("history.view_event"):
        return ""
    return f"{reverse('admin:history_event_changelist')}?subject=webhook%3A{row.uid}"
