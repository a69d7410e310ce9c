"""Issuances: signed snapshots, to look at. The text itself leaves only by a POST of who may see it."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.core.exceptions import PermissionDenied
from django.db.models import BooleanField, QuerySet, Value
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter, TextFilter

from config.kit import actors
from config.kit.admin import ReadOnlyAdmin
from config.kit.clock import now
from config.kit.errors import Refusal
from config.kit.filters import DaysFilter
from config.kit.ids import parse_license_id
from licenses.admin import display as show
from licenses.admin import filters
from licenses.admin.key_sight import may_see_keys
from licenses.admin.people import names_of
from licenses.models import Issuance
from licenses.services.artifacts import artifact_filename, artifact_text


class LicenseFilter(TextFilter):  # type: ignore[misc] # unfold ships no types
    title = "license"
    parameter_name = "license"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = (self.value() or "").strip()
        if not value:
            return queryset
        uid = parse_license_id(value)
        return queryset.filter(license__uid=uid) if uid else queryset.none()


class CountsFilter(filters.CountsFilter):
    path = "license__"


class IssuedFilter(DaysFilter):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = "day it was issued"


SEE_KEYS = ("licenses.view_signingkey", "licenses.rotate_signingkey")


@admin.register(Issuance)
class IssuanceAdmin(ReadOnlyAdmin):
    list_display = ("jti_shown", "license_shown", "account", "format", "cause", "key", "issued", "expires")
    list_display_links = ("jti_shown",)
    list_select_related = ("license__account", "signing_key")
    list_filter = (
        LicenseFilter,
        ("format", ChoicesDropdownFilter),
        ("cause", ChoicesDropdownFilter),
        ("channel", ChoicesDropdownFilter),
        ("issued_at", IssuedFilter),
        CountsFilter,
    )
    search_fields = ("text_sha256",)
    search_help_text = "License id (L-…) or the SHA-256 of a key"
    ordering = ("-id",)
    show_facets = admin.ShowFacets.NEVER  # each would count the whole table
    sortable_by = ()
    change_form_outer_before_template = "admin/signet/issuance_head.html"
    fieldsets = (
        (None, {"fields": ("license_id", "account", "format_shown", "key", "issued", "expires", "cause",
                           "channel", "by", "replaces", "sha256", "kept")}),
        ("Claims", {"fields": ("claims_shown",)}),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Issuance]:
        """Each row with whether who asks may open the page of the signing key."""
        rows: QuerySet[Issuance] = super().get_queryset(request)
        sees_keys = any(request.user.has_perm(name) for name in SEE_KEYS)
        return rows.annotate(sees_keys=Value(sees_keys, output_field=BooleanField()))

    @display(description="jti")
    def jti_shown(self, row: Issuance) -> SafeString:
        return show.mono(row.jti_text)

    @display(description="License")
    def license_shown(self, row: Issuance) -> SafeString:
        return format_html(
            '<a href="{}" class="text-link">{}</a>',
            show.page_of(row.license),
            show.short_id(row.license.public_id),
        )

    @display(description="License")
    def license_id(self, row: Issuance) -> SafeString:
        return show.link(row.license)

    @display(description="By")
    def by(self, row: Issuance) -> str:
        return names_of([row.actor])[row.actor]

    @display(description="Account")
    def account(self, row: Issuance) -> SafeString:
        return show.link(row.license.account)

    @display(description="Format")
    def format_shown(self, row: Issuance) -> str:
        return row.get_format_display()

    @display(description="Signed by")
    def key(self, row: Issuance) -> SafeString:
        sees_keys = getattr(row, "sees_keys", False)
        return show.link(row.signing_key) if sees_keys else show.mono(row.signing_key.kid)

    @display(description="Issued")
    def issued(self, row: Issuance) -> str:
        return show.instant(row.issued_at)

    @display(description="Expires")
    def expires(self, row: Issuance) -> str:
        return show.instant(row.expires_at, none="never")

    @display(description="Supersedes")
    def replaces(self, row: Issuance) -> SafeString | str:
        return "no earlier one" if row.supersedes is None else show.link(row.supersedes)

    @display(description="SHA-256 of the text")
    def sha256(self, row: Issuance) -> SafeString:
        return show.mono(row.text_sha256)

    @display(description="Text")
    def kept(self, row: Issuance) -> str:
        return "kept, encrypted" if is_kept(row) else "not kept: issue a new one"

    @display(description="Claims")
    def claims_shown(self, row: Issuance) -> SafeString:
        return show.pre(json.dumps(row.claims, indent=2, ensure_ascii=False))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Issuance], search_term: str
    ) -> tuple[QuerySet[Issuance], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        uid = parse_license_id(term)
        if uid is not None:
            return queryset.filter(license__uid=uid), False
        return (queryset.filter(text_sha256=term.lower()) if term.isprintable() else queryset.none()), False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.get_object(request, object_id)
        context = {
            "newest": row,
            "kept": row is not None and is_kept(row),
            "may_see_key": may_see_keys(request, [row.license.kind] if row else []),
        }
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})

    # --- the text ---------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        text = admin.site.admin_view(require_POST(self.text_view))
        file = admin.site.admin_view(require_POST(self.file_view))
        return [
            path("<int:pk>/text/", text, name="licenses_issuance_text"),
            path("<int:pk>/file/", file, name="licenses_issuance_file"),
            *super().get_urls(),
        ]

    def text_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The text as plain text, for the button that copies it."""
        return self._answer(request, pk)

    def file_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The same bytes as a file (E23)."""
        answer = self._answer(request, pk)
        if answer.status_code == 200:  # noqa: PLR2004 - OK
            name = artifact_filename(_issuance(pk))
            answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer

    def _answer(self, request: HttpRequest, pk: int) -> HttpResponse:
        kinds = Issuance.objects.filter(pk=pk).values_list("license__kind", flat=True)
        if not (self.has_view_permission(request) and may_see_keys(request, kinds)):
            raise PermissionDenied
        try:
            text = artifact_text(issuance=_issuance(pk), actor=actors.user(request.user), at=now())
            status = 200
        except Refusal as refusal:
            text, status = refusal.detail, refusal.status
        headers = {"Cache-Control": "no-store"}
        return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8", headers=headers)


def _issuance(pk: int) -> Issuance:
    row = Issuance.objects.select_related("license__account", "license__product").filter(pk=pk).first()
    if row is None:
        raise Http404
    return row


def is_kept(row: Issuance) -> bool:
    """Is the text still there? Asks the table without reading the text."""
    return Issuance.objects.filter(pk=row.pk, artifact__isnull=False).exists()
