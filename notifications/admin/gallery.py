"""Every mail template in every state, as a desktop, a phone and a reader of plain text show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST, require_safe
from unfold.decorators import action

from config.kit.admin import tell
from config.kit.clock import now
from config.kit.errors import Refusal
from licenses.admin.people import staff
from notifications.admin.mail_view import mail_frame, mail_page
from notifications.mail_templates import TEMPLATES, MailTemplate
from notifications.models import Stream
from notifications.rendering import Rendered, render
from notifications.services.testing import template_send
from notifications.unsubscribing import PATH

TEST = ("notifications.resend_message", "accounts.configure_notification")


@dataclass(frozen=True, slots=True)
class Sample:
    """One state of a template, under its place in the table."""

    template: MailTemplate
    number: int

    @property
    def title(self) -> str:
        return list(self.template.samples)[self.number]

    @property
    def url(self) -> str:
        return reverse("admin:notifications_template", args=[self.template.name, self.number])

    def rendered(self) -> Rendered:
        """As it would go out; what can be unsubscribed from has an address that leads nowhere."""
        transactional = self.template.stream == Stream.TRANSACTIONAL
        link = "" if transactional else f"/{PATH}sample"
        context = self.template.samples[self.title]()
        return render(self.template.name, {**context, "unsubscribe_url": link})


def samples(template: MailTemplate) -> list[Sample]:
    return [Sample(template, number) for number in range(len(template.samples))]


def sample_of(name: str, number: int) -> Sample:
    """Raises Http404."""
    template = TEMPLATES.get(name)
    if template is None or number >= len(template.samples):
        raise Http404
    return Sample(template, number)


def may_test(request: HttpRequest) -> bool:
    return any(request.user.has_perm(name) for name in TEST)


class Gallery:
    """Mixed into the admin of messages: who may look at mail may look at its templates."""

    model: Any

    def get_urls(self) -> list[URLPattern]:
        def own(route: str, view: Any, name: str) -> Any:
            return path(f"templates/{route}", admin.site.admin_view(view), name=f"notifications_{name}")

        return [
            own("", require_safe(self.gallery_view), "templates"),
            own("<slug:name>/<int:number>/", require_safe(self.template_view), "template"),
            own("<slug:name>/<int:number>/html/", require_safe(self.template_frame), "template_html"),
            own("<slug:name>/<int:number>/send/", require_POST(self.template_test), "template_send"),
            *super().get_urls(),  # type: ignore[misc] # mixed into a ModelAdmin
        ]

    @action(description="Templates", icon="gallery_thumbnail", url_path="gallery", permissions=["view"])  # type: ignore[untyped-decorator] # unfold ships no types
    def gallery(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:notifications_templates"))

    def gallery_view(self, request: HttpRequest) -> HttpResponse:
        self._demand_look(request)
        context = {
            **admin.site.each_context(request),
            "title": "Mail templates",
            "templates": [(template, samples(template)) for template in TEMPLATES.values()],
            "opts": self.model._meta,
        }
        return TemplateResponse(request, "admin/signet/templates.html", context)

    def template_view(self, request: HttpRequest, name: str, number: int) -> HttpResponse:
        self._demand_look(request)
        sample = sample_of(name, number)
        return mail_page(
            request,
            sample.rendered(),
            title=f"{sample.template.title}: {sample.title}",
            frame=reverse("admin:notifications_template_html", args=[name, number]),
            back=reverse("admin:notifications_templates"),
            opts=self.model._meta,
            template="admin/signet/template.html",
            sample=sample,
            samples=samples(sample.template),
            stream=Stream(sample.template.stream).label,
            can_test=may_test(request),
        )

    def template_frame(self, request: HttpRequest, name: str, number: int) -> HttpResponse:
        """The HTML part by itself, for its frame."""
        self._demand_look(request)
        return mail_frame(sample_of(name, number).rendered())

    def template_test(self, request: HttpRequest, name: str, number: int) -> HttpResponse:
        """Mail the sample to who looks at it."""
        if not may_test(request):
            raise PermissionDenied
        self._demand_look(request)
        sample, user = sample_of(name, number), staff(request)
        try:
            template_send(template=name, sample=sample.title, user=user, at=now())
        except Refusal as refusal:
            tell(request, refusal)
        else:
            messages.success(request, f"A test is on its way to {user.email}.")
        return HttpResponseRedirect(sample.url)

    def _demand_look(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):  # type: ignore[attr-defined] # mixed into a ModelAdmin
            raise PermissionDenied
