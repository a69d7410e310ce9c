"""Expiry digests: their settings, what they would say now, and what they said (D13, D14)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldBooleanSwitchWidget

from config.kit import actors
from config.kit.admin import ServiceAdmin
from config.kit.clock import now
from config.kit.display import instant, label, link, page_of
from config.kit.forms import ServiceForm, posted
from config.kit.pages import form_page
from licenses.admin.pages import done
from licenses.domain.enums import Kind
from notifications.admin import setting_fields as fields
from notifications.admin.mail_view import mail_frame, mail_page
from notifications.admin.message_display import state_label
from notifications.digest_content import LINES
from notifications.models import DigestRun, ExpiryDigest, Message
from notifications.selectors import digests as selectors
from notifications.services.digest_runs import Made, Preview, digest_preview, digest_run, today
from notifications.services.digests import MOST_DAYS, digest_create, digest_update

CONFIGURE = "accounts.configure_notification"
VIEW = "notifications.view_expirydigest"
NOBODY = "nobody receives this yet"
RUNS = 14
"""Runs on the page of a digest."""
TONES = {DigestRun.State.SENT: "success", DigestRun.State.NO_RECIPIENT: "warning"}


class DigestForm(forms.ModelForm[ExpiryDigest]):
    recipients = fields.LinesField(help_text="E-mail addresses, one a line. Each gets a mail of its own.")
    days_ahead = forms.IntegerField(
        min_value=0, max_value=MOST_DAYS, label="Days before expiry", widget=UnfoldAdminIntegerFieldWidget(),
        help_text="Licenses that end within so many days are listed.",
    )  # fmt: skip
    hour = fields.hour_field("The digest is made at this hour, or late on the same day.")
    zone = fields.zone_field()
    weekdays = fields.weekdays_field()
    kinds = fields.kinds_field(Kind)
    include_internal = forms.BooleanField(
        label="Internal licenses too", required=False, widget=UnfoldBooleanSwitchWidget(),
        help_text="They are listed apart from the others.",
    )  # fmt: skip
    send_empty = forms.BooleanField(
        label="Send on empty days too", required=False, widget=UnfoldBooleanSwitchWidget(),
        help_text="Off: no mail when nothing is to be listed.",
    )  # fmt: skip

    class Meta:
        model = ExpiryDigest
        fields = ("name", "enabled", "recipients", "days_ahead", "hour", "zone", "weekdays", "kinds",
                  "include_internal", "send_empty")  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance._state.adding:
            # Django takes defaults of the model for fields of its own making only.
            self.initial = {**{name: getattr(self.instance, name) for name in self.fields}, **self.initial}
        fields.keep_choice(self, "zone", self.instance.zone)


@admin.register(ExpiryDigest)
class DigestAdmin(ServiceAdmin):
    form = DigestForm
    list_display = ("name", "state", "receives", "sent_at", "ahead", "next_run", "last_run")
    ordering = ("name",)
    fieldsets = (
        (None, {"fields": ("name", "enabled", "recipients")}),
        ("When it is sent", {"fields": ("hour", "zone", "weekdays", "send_empty")}),
        ("What it lists", {"fields": ("days_ahead", "kinds", "include_internal")}),
    )
    change_form_outer_before_template = "admin/signet/digest_head.html"
    change_form_outer_after_template = "admin/signet/digest_runs.html"
    actions_detail = ("preview", "run_now")

    class Media:
        css = {"all": ("signet/digests.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[ExpiryDigest]:
        return selectors.digests()

    # --- who may ----------------------------------------------------------------------------------

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(VIEW) or request.user.has_perm(CONFIGURE)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(CONFIGURE)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(CONFIGURE)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: its runs say what was sent. It is switched off instead."""
        return False

    def has_configure_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm(CONFIGURE)

    # --- list -------------------------------------------------------------------------------------

    @display(description="state", ordering="enabled", label={"on": "success", "off": "warning"})  # type: ignore[untyped-decorator] # unfold ships no types
    def state(self, digest: ExpiryDigest) -> str:
        return "on" if digest.enabled else "off"

    @display(description="recipients")  # type: ignore[untyped-decorator] # unfold ships no types
    def receives(self, digest: ExpiryDigest) -> SafeString | str:
        if not digest.recipients:
            return label(NOBODY, "warning")
        first, *others = digest.recipients
        return f"{first} and {len(others)} more" if others else first

    @display(description="sent at")  # type: ignore[untyped-decorator] # unfold ships no types
    def sent_at(self, digest: ExpiryDigest) -> str:
        days = [fields.WEEKDAYS[day][:2] for day in digest.weekdays]
        return f"{digest.hour:02d}:00 {digest.zone}, {'daily' if len(days) == 7 else ' '.join(days)}"  # noqa: PLR2004 - days of a week

    @display(description="ahead", ordering="days_ahead")  # type: ignore[untyped-decorator] # unfold ships no types
    def ahead(self, digest: ExpiryDigest) -> str:
        return f"{digest.days_ahead} day{'s' * (digest.days_ahead != 1)}"

    @display(description="next")  # type: ignore[untyped-decorator] # unfold ships no types
    def next_run(self, digest: ExpiryDigest) -> str:
        at = now()
        following = selectors.next_run_at(digest, at)
        if following is None:
            return "-"
        return "within ten minutes" if following == at else in_zone(following, digest.zone)

    @display(description="last")  # type: ignore[untyped-decorator] # unfold ships no types
    def last_run(self, digest: ExpiryDigest) -> str:
        return str(vars(digest)["run_on"] or "-")

    # --- page -------------------------------------------------------------------------------------

    def changeform_view(self, request: HttpRequest, object_id: str | None = None, form_url: str = "",
                        extra_context: Any = None) -> Any:  # fmt: skip
        context = {} if object_id is None else self._facts(request, object_id)
        return super().changeform_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def _facts(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        """What stands above and below the settings."""
        digest = self.get_object(request, object_id)
        if digest is None:
            return {}
        at = now()
        following = selectors.next_run_at(digest, at)
        return {
            "nobody": NOBODY if not digest.recipients else "",
            "due_now": following == at,
            "next_here": in_zone(following, digest.zone) if following else "",
            "next_utc": instant(following) if following and digest.zone != "UTC" else "",
            "runs": runs_table(digest),
        }

    def save_model(self, request: HttpRequest, obj: ExpiryDigest, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        by: dict[str, Any] = {"actor": actors.user(request.user), "at": now()}
        if change:
            saved = digest_update(digest=obj, **form.cleaned_data, **by)
        else:
            saved = digest_create(**form.cleaned_data, **by)
        vars(obj).update(vars(saved))

    # --- actions ----------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.preview_frame)
        own = path("<int:object_id>/preview/mail/", view, name="notifications_expirydigest_mail")
        return [own, *super().get_urls()]

    @action(description="Preview", icon="visibility", url_path="preview", permissions=["view"])  # type: ignore[untyped-decorator] # unfold ships no types
    def preview(self, request: HttpRequest, object_id: str) -> HttpResponse:
        digest = self._digest(request, object_id)
        shown = digest_preview(digest=digest, at=now())
        return mail_page(
            request,
            shown.rendered,
            title=f"{digest.name}, as it would be now",
            frame=reverse("admin:notifications_expirydigest_mail", args=[digest.pk]),
            back=page_of(digest),
            opts=self.model._meta,
            notes=list(_notes(digest, shown)),
        )

    def preview_frame(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """The HTML part of the preview, for its frame."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        digest = self._digest(request, str(object_id))
        return mail_frame(digest_preview(digest=digest, at=now()).rendered)

    @action(  # type: ignore[untyped-decorator] # unfold ships no types
        description="Run now for today",
        icon="send",
        url_path="run",
        permissions=["configure"],
        variant=ActionVariant.PRIMARY,
    )
    def run_now(self, request: HttpRequest, object_id: str) -> HttpResponse:
        digest, at = self._digest(request, object_id), now()
        day = today(digest, at)
        form = ServiceForm(posted(request))
        made = form.submit(
            request,
            lambda _data: digest_run(digest=digest, day=day, actor=actors.user(request.user), at=at),
        )
        if made is not None:
            _tell(request, made)
            return done(digest)
        return form_page(
            request, form, title=f"Run now: {digest.name}", submit="Run now", back=page_of(digest),
            opts=self.model._meta, original=digest, consequences=list(_consequences(digest, day, at)),
        )  # fmt: skip

    def _digest(self, request: HttpRequest, object_id: str) -> ExpiryDigest:
        digest: ExpiryDigest | None = self.get_object(request, object_id)
        if digest is None:
            raise Http404
        return digest


def in_zone(at: datetime, zone: str) -> str:
    """An instant as the people of a zone read it."""
    return f"{at.astimezone(ZoneInfo(zone)):%a %Y-%m-%d %H:%M} {zone}"


def runs_table(digest: ExpiryDigest) -> dict[str, Any]:
    """The last runs with the mails of each, in two queries."""
    runs = list(digest.runs.all()[:RUNS])
    messages_by_day = selectors.messages_of(runs)
    return {
        "headers": ["Day", "State", "By the end of the day", "Later", "Made at", "Mails"],
        "rows": [
            [
                f"{run.day:%a %Y-%m-%d}",
                label(run.get_state_display().lower(), TONES.get(DigestRun.State(run.state), "")),
                f"{run.expired_today:,}",
                f"{run.expiring:,}",
                instant(run.made_at),
                _mails(messages_by_day[run.day]),
            ]
            for run in runs
        ],
    }


def _mails(mails: list[Message]) -> SafeString | str:
    """Each recipient with the state of the mail, linked to it."""
    if not mails:
        return "none"
    rows = ((link(mail, mail.recipient), state_label(mail)) for mail in mails)
    return format_html('<div class="sg-people">{}</div>', format_html_join("", "<div>{} {}</div>", rows))


def _notes(digest: ExpiryDigest, shown: Preview) -> Iterator[str]:
    """What a preview does not show by itself."""
    if not (shown.content.has_news or digest.send_empty):
        yield "There is nothing to list: no mail would be sent."
    if shown.content.is_long:
        yield f"The mail shows the first {LINES} lines; the list of {shown.content.tally.total:,} is attached as CSV."
    yield _to_whom(digest)


def _to_whom(digest: ExpiryDigest) -> str:
    if not digest.recipients:
        return f"To nobody: {NOBODY}."
    return f"To {', '.join(digest.recipients)}."


def _consequences(digest: ExpiryDigest, day: date, at: datetime) -> Iterator[str]:
    """What running now does."""
    known = selectors.made(digest, day)
    if known is not None:
        yield f"The digest of {day:%A %Y-%m-%d} was made at {instant(known.made_at)}: nothing is sent again."
        return
    if not digest.enabled:
        yield "This digest is switched off: switch it on first."
        return
    shown = digest_preview(digest=digest, day=day, at=at)
    yield f"The digest of {day:%A %Y-%m-%d} ({digest.zone}) is made now."
    if shown.content.has_news or digest.send_empty:
        yield f"It says “{shown.rendered.subject}”."
        yield _to_whom(digest)
    else:
        yield "There is nothing to list: no mail is sent."
    yield f"It is made once a day: at {digest.hour:02d}:00 nothing more is sent for this day."


def _tell(request: HttpRequest, made: Made) -> None:
    run = made.run
    if not made.new:
        messages.info(request, f"It was made at {instant(run.made_at)} already: nothing was sent again.")
    elif run.state == DigestRun.State.SENT:
        what = _counted(run.expiring + run.expired_today, "license is on its", "licenses are on their")
        messages.success(request, f"{what} way to {_counted(run.recipients, 'recipient', 'recipients')}.")
    elif run.state == DigestRun.State.EMPTY:
        messages.info(request, "There is nothing to list today: no mail was sent.")
    else:
        messages.warning(request, f"No mail was sent: {NOBODY}.")


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
