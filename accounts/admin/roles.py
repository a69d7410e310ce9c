"""Roles: what each may do and who holds it. The table of the code is the law (`accounts.roles`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

from accounts import roles
from accounts.models import Role, User
from accounts.second_factor import SecondFactorRequired
from config.kit.admin import ReadOnlyAdmin
from config.kit.display import link, page_of

DEFAULTS = ("add_", "change_", "delete_", "view_")
AREAS = {
    "licenses": "Licenses and catalogue",
    "accounts": "Accounts and access",
    "trials": "Trials",
    "notifications": "Mail and webhooks",
    "history": "History",
}


def area_register(app: str, title: str) -> None:
    """Let the page of roles show the permissions of another app, under a title."""
    AREAS.setdefault(app, title)


admin.site.unregister(Group)


@admin.register(Role)
class RoleAdmin(SecondFactorRequired, ReadOnlyAdmin):
    list_display = ("name",)
    fields = ("name", "about", "may", "held_by")
    readonly_fields = ("about", "may", "held_by")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Role]:
        rows: QuerySet[Role] = super().get_queryset(request)
        return rows.annotate(holder_count=Count("user", filter=Q(user__is_active=True)))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Every role beside every other: what each may do, and how many hold it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        shown = list(self.get_queryset(request).order_by("name"))
        context = {
            **admin.site.each_context(request),
            "title": "Roles",
            "opts": Role._meta,
            "roles": [
                (role, _holders(role), page_of(role), roles.DESCRIPTIONS.get(role.name, "")) for role in shown
            ],
            "superadmins": User.objects.filter(is_superuser=True, is_active=True).count(),
            "superadmins_url": f"{_users()}?is_superuser__exact=1&is_active__exact=1",
            "about_superadmin": roles.SUPERADMIN,
            "areas": list(_matrix(shown)),
        }
        return TemplateResponse(request, "admin/signet/roles.html", context)

    @display(description="what it is for")  # type: ignore[untyped-decorator] # unfold ships no types
    def about(self, role: Role) -> str:
        return roles.DESCRIPTIONS.get(role.name, "A group of your own.")

    @display(description="may")  # type: ignore[untyped-decorator] # as above
    def may(self, role: Role) -> SafeString:
        permissions = role.permissions.order_by("content_type__app_label", "name")
        return format_html_join("", "<div>{}</div>", ((sentence(p),) for p in permissions))

    @display(description="held by")  # type: ignore[untyped-decorator] # as above
    def held_by(self, role: Role) -> SafeString | str:
        holders = role.user_set.order_by("email")
        if not holders:
            return "nobody"
        return format_html_join(
            "", "<div>{}{}</div>", ((link(u), "" if u.is_active else " (switched off)") for u in holders)
        )


def sentence(permission: Permission) -> str:
    """`Can renew licenses` as `Renew licenses`, `Can view plan` as `View plan`."""
    text = permission.name.removeprefix("Can ")
    return text[:1].upper() + text[1:]


def _users() -> str:
    return reverse("admin:accounts_user_changelist")


def _holders(role: Role) -> SafeString:
    url = f"{_users()}?groups__id__exact={role.pk}&is_active__exact=1"
    return format_html('<a href="{}" class="text-link">{}</a>', url, getattr(role, "holder_count", 0))


def _matrix(shown: list[Role]) -> Iterator[tuple[str, list[tuple[str, list[bool]]]]]:
    """By area: a sentence for each permission, and which of the roles have it."""
    granted: dict[int, set[int]] = {}
    for permission, role in Role.permissions.through.objects.values_list("permission", "group"):
        granted.setdefault(permission, set()).add(role)
    rows = Permission.objects.select_related("content_type").order_by("content_type__model", "codename")
    wanted = [row for row in rows if row.pk in granted or _is_ours(row)]
    for app, title in AREAS.items():
        lines = [
            (sentence(row), [role.pk in granted.get(row.pk, ()) for role in shown])
            for row in wanted
            if row.content_type.app_label == app
        ]
        if lines:
            yield title, lines


def _is_ours(permission: Permission) -> bool:
    """A right that we ask for by name, be it that only superadmins have it; not what Django makes of itself."""
    return permission.content_type.app_label in AREAS and not permission.codename.startswith(DEFAULTS)
