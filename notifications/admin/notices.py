"""Notices to customers: whom they go to and when, who cannot be told, and how one reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from config.kit import actors
from config.kit.admin import ServiceAdmin
from config.kit.clock import now
from config.kit.display import instant, link
from licenses.models import License
from notifications.admin import setting_fields as fields
from notifications.admin.digests import CONFIGURE, VIEW
from notifications.admin.mail_view import mail_frame, mail_page
from notifications.domain.days import local_day
from notifications.models import NoticePolicy
from notifications.rendering import Rendered
from notifications.selectors import notices as selectors
from notifications.services.notices import notice_policy_update, notice_preview

PAGE = "admin:notifications_noticepolicy_change"
SHOWN = 20
"""Licenses without an address that the page lists."""
MOST = 1000
"""The page counts no further than this."""


class DaysField(forms.CharField):
    """Numbers of days with commas or spaces between them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"required": False, "widget": UnfoldAdminTextInputWidget(), **kwargs})

    def to_python(self, value: Any) -> Any:
        if isinstance(value, list):
            return value
        words = (value or "").replace(",", " ").split()
        if not all(word.isdecimal() and len(word) < 5 for word in words):  # noqa: PLR2004 - beyond any range
            raise forms.ValidationError("Write whole numbers of days, as in 30, 14, 7.")
        return [int(word) for word in words]

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(map(str, value)) if isinstance(value, list) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.prepare_value(initial) != data)


class PolicyForm(forms.ModelForm[NoticePolicy]):
    days_before = DaysField(
        label="Days before the end", help_text="As in 30, 14, 7, 1, 0. 0 is the day of the end itself."
    )
    days_after = DaysField(
        label="Days after the end", help_text="As in 7. Empty: nothing is said afterwards."
    )
    kinds = fields.kinds_field(selectors.KINDS)
    hour = fields.hour_field("Notices go out from this hour on, or late when that was missed.")
    zone = fields.zone_field()
    reply_to = forms.EmailField(
        label="Answers go to", required=False, widget=UnfoldAdminEmailInputWidget(),
        help_text="An address that is read: customers are asked to reply in order to renew.",
    )  # fmt: skip

    class Meta:
        model = NoticePolicy
        fields = ("enabled", "days_before", "days_after", "kinds", "hour", "zone", "reply_to")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields.keep_choice(self, "zone", self.instance.zone)


@admin.register(NoticePolicy)
class NoticePolicyAdmin(ServiceAdmin):
    """One row, so that its page stands in the place of the list."""

    form = PolicyForm
    fieldsets = (
        (None, {"fields": ("enabled", "kinds"),
                "description": "Never about test keys and internal licenses. Trials that were asked for have "
                               "mail of their own."}),
        ("When", {"fields": (("days_before", "days_after"), "hour", "zone")}),
        ("Answers", {"fields": ("reply_to",)}),
    )  # fmt: skip
    change_form_outer_before_template = "admin/signet/notices_head.html"
    change_form_outer_after_template = "admin/signet/notices_unreachable.html"
    actions_detail = ("preview",)

    class Media:
        css = {"all": ("signet/digests.css",)}

    # --- who may ----------------------------------------------------------------------------------

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(VIEW) or request.user.has_perm(CONFIGURE)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(CONFIGURE)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    # --- page -------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return self.changeform_view(request, str(NoticePolicy.ONLY), extra_context=extra_context)

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> NoticePolicy | None:
        return selectors.policy_get() if str(object_id) == str(NoticePolicy.ONLY) else None

    def changeform_view(self, request: HttpRequest, object_id: str | None = None, form_url: str = "",
                        extra_context: Any = None) -> Any:  # fmt: skip
        if object_id != str(NoticePolicy.ONLY):
            raise Http404
        policy, at = selectors.policy_get(), now()
        context = {"policy": policy, **_waiting(policy, at), **(extra_context or {})}
        return super().changeform_view(request, object_id, form_url, context)

    def save_model(self, request: HttpRequest, obj: NoticePolicy, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        saved = notice_policy_update(**form.cleaned_data, actor=actors.user(request.user), at=now())
        vars(obj).update(vars(saved))

    def response_post_save_change(self, request: HttpRequest, obj: NoticePolicy) -> HttpResponse:
        return HttpResponseRedirect(reverse(PAGE, args=[obj.pk]))

    # --- preview ----------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.preview_frame)
        own = path("<int:object_id>/preview/mail/", view, name="notifications_noticepolicy_mail")
        return [own, *super().get_urls()]

    @action(description="Preview", icon="visibility", url_path="preview", permissions=["view"])  # type: ignore[untyped-decorator] # unfold ships no types
    def preview(self, request: HttpRequest, object_id: str) -> HttpResponse:
        asked = _asked(request, now())
        context = {
            "form": asked.form,
            "back": reverse(PAGE, args=[NoticePolicy.ONLY]),
            "opts": self.model._meta,
        }
        title = "How a notice reads"
        rendered = asked.rendered
        if rendered is None:
            context |= {**self.admin_site.each_context(request), "title": title}
            return TemplateResponse(request, "admin/signet/notice_preview.html", context)
        return mail_page(
            request, rendered, title=title, template="admin/signet/notice_preview.html", notes=asked.notes,
            frame=reverse("admin:notifications_noticepolicy_mail", args=[NoticePolicy.ONLY]), **context,
        )  # fmt: skip

    def preview_frame(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """The HTML part of the preview, for its frame."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rendered = _asked(request, now()).rendered
        if rendered is None:
            raise Http404
        return mail_frame(rendered)


def _waiting(policy: NoticePolicy, at: datetime) -> dict[str, Any]:
    """Whom a sweep would tell now, and who cannot be told."""
    lost = selectors.unreachable(policy, at, limit=SHOWN + 1)
    return {
        "due": selectors.licenses_due(policy, at)[: MOST + 1].count(),
        "most": MOST,
        "has_more": len(lost) > SHOWN,
        "unreachable": {
            "headers": ["Account", "License", "Ends"],
            "rows": [
                [link(row.account), link(row, f"{row.product.name} {row.plan.name}"), instant(row.expires_at)]
                for row in lost[:SHOWN]
            ],
        },
    }


class PreviewForm(forms.Form):
    """Which license, and when its notice would be sent."""

    license = forms.CharField(
        label="License", required=False, max_length=40, widget=UnfoldAdminTextInputWidget(),
        help_text="L-…; empty: the one that ends next.",
    )  # fmt: skip
    when = forms.ChoiceField(label="Sent", required=False, widget=UnfoldAdminSelectWidget())

    def __init__(self, *args: Any, policy: NoticePolicy, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.policy, self.plan = policy, selectors.plan_of(policy)
        self.fields["when"].choices = [("", "now"), *((str(s), _step(s)) for s in self.plan.steps)]  # type: ignore[attr-defined] # a form knows its fields by name only

    def clean_license(self) -> License:
        text = self.cleaned_data["license"].strip()
        rows = License.objects.with_relations()
        row = rows.by_public_id(text).first() if text else _next_ending(self.policy, now())
        if row is None:
            raise forms.ValidationError("There is no such license." if text else "No license ends. Name one.")
        if row.expires_at is None:
            raise forms.ValidationError("A perpetual license has no end to tell of.")
        return row

    def sent_at(self, at: datetime) -> datetime:
        row, when = self.cleaned_data["license"], self.cleaned_data["when"]
        if not when:
            return at
        return self.plan.due_at(local_day(row.expires_at, self.plan.zone), int(when))


@dataclass(frozen=True, slots=True)
class Asked:
    """What a preview is asked for, and the mail of it unless something is to be put right."""

    form: PreviewForm
    rendered: Rendered | None = None
    notes: tuple[str, ...] = ()


def _asked(request: HttpRequest, at: datetime) -> Asked:
    policy = selectors.policy_get()
    form = PreviewForm(request.GET, policy=policy)
    if not form.is_valid():
        return Asked(form)
    row: License = form.cleaned_data["license"]
    rendered = notice_preview(policy=policy, license=row, at=form.sent_at(at))
    whom = row.account.email or "nobody: the account has no address"
    return Asked(form, rendered, (f"{row.account.name}, {row.public_id}. To {whom}.",))


def _next_ending(policy: NoticePolicy, at: datetime) -> License | None:
    """The next license whose customer is told of its end."""
    rows = selectors.licenses_told(policy).select_related("account", "product", "plan", "creator")
    return rows.filter(expires_at__gte=at).order_by("expires_at").first()


def _step(step: int) -> str:
    if step == 0:
        return "on the day of the end"
    days = f"{abs(step)} day{'s' * (abs(step) != 1)}"
    return f"{days} {'before' if step < 0 else 'after'} the end"
