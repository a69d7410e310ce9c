"""The switch of the section (D17), for superadmins: paste a license key, see what is granted, switch off."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST, require_safe

from accounts.second_factor import SecondFactorRequired
from config.kit import actors
from config.kit.admin import COUNT_LIMIT, ReadOnlyAdmin, tell
from config.kit.clock import now
from config.kit.display import instant, label
from config.kit.errors import Refusal
from crm.admin.forms import KeyForm
from crm.gate import is_entitled, is_shown
from crm.menu import ACTIVATE
from crm.models import Person, Section, Task
from crm.services.section import section_activate, section_deactivate, section_read
from licenses.admin.people import names_of

PAGE = "admin:crm_section_changelist"


class Switch(ReadOnlyAdmin):
    """The page and its two buttons."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm(ACTIVATE))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("", view(self.changelist_view), name="crm_section_changelist"),
            path("activate/", view(require_POST(self.activate_view)), name="crm_section_activate"),
            path("deactivate/", view(require_POST(self.deactivate_view)), name="crm_section_deactivate"),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        self._demand(request)
        return require_safe(_page)(request, KeyForm())

    def activate_view(self, request: HttpRequest) -> HttpResponse:
        """A key that is refused is told at its field, and is not shown again."""
        self._demand(request)
        form = KeyForm(request.POST)
        by: dict[str, Any] = {"actor": actors.user(request.user), "at": now()}
        if form.submit(request, lambda data: section_activate(text=data["key"], **by)) is None:
            form.data = {**form.data.dict(), "key": ""}  # type: ignore[attr-defined] # what was posted
            return _page(request, form)
        messages.success(request, "The CRM is switched on.")
        return HttpResponseRedirect(reverse(PAGE))

    def deactivate_view(self, request: HttpRequest) -> HttpResponse:
        self._demand(request)
        try:
            section_deactivate(actor=actors.user(request.user), at=now())
        except Refusal as refusal:
            tell(request, refusal)
        else:
            messages.success(request, "The CRM is switched off. Its data stays.")
        return HttpResponseRedirect(reverse(PAGE))

    def _demand(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied


@admin.register(Section)
class SectionAdmin(SecondFactorRequired, Switch):
    """Not one of the pages of the section: it is there while the section is not. A key asks for the second factor."""


def _page(request: HttpRequest, form: KeyForm) -> HttpResponse:
    row, entitled, shown = section_read(), is_entitled(), is_shown()
    context = {
        **admin.site.each_context(request),
        "title": "CRM",
        "opts": Section._meta,
        "section": row,
        "state": label("on", "success") if shown else label("off", "" if not row.active else "warning"),
        "meaning": _meaning(active=row.active, entitled=entitled),
        "facts": [
            ("License", "carries the CRM" if entitled else "does not carry the CRM"),
            ("Switched", _switched(row)),
            ("People", _number(Person.objects.filter(merged_into=None), "person", shown=shown)),
            ("Tasks", _number(Task.objects.all(), "task", "?state=all", shown=shown)),
        ],
        "form": form,
        "entitled": entitled,
    }
    return TemplateResponse(request, "admin/crm/section.html", context)


def _number(rows: QuerySet[Any], model: str, query: str = "", *, shown: bool) -> SafeString | str:
    """How many there are, exactly up to a bound, with the way to their list while that is there."""
    counted = rows.order_by()[: COUNT_LIMIT + 1].count()
    text = f"{counted:,}" if counted <= COUNT_LIMIT else f"more than {COUNT_LIMIT:,}"
    if not shown:
        return text
    url = f"{reverse(f'admin:crm_{model}_changelist')}{query}"
    return format_html('<a href="{}" class="text-link">{}</a>', url, text)


def _meaning(*, active: bool, entitled: bool) -> str:
    if active and entitled:
        return "Its pages are in the menu, and its API answers."
    if active:
        return (
            "It is switched on, but the license of this Signet does not carry it any more. It comes back with a key "
            "that does."
        )
    return "Nobody sees it. History is followed all the same, so nothing is missing when it is switched on."


def _switched(row: Section) -> str:
    if not row.by:
        return "never"
    return f"{'on' if row.active else 'off'} by {names_of([row.by])[row.by]}, {instant(row.at)}"
