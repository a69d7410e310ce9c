"""The update server (E32): releases, what became of them, and which versions run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import display
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, RelatedDropdownFilter
from unfold.decorators import action

from config.kit import actors
from config.kit.admin import COUNT_LIMIT
from config.kit.clock import now
from config.kit.records import RecordAdmin
from history.naming import Named, Naming, naming_register
from licenses.admin import display as show
from licenses.admin.forms import posted
from licenses.admin.pages import form_page
from licenses.admin.people import names_of
from licenses.admin.release_forms import ReleaseForm, WithdrawForm
from licenses.adoption import Adoption, Running, adoption, running
from licenses.domain.enums import ReleaseChannel
from licenses.domain.releases import channel_entitlement
from licenses.models import Product, Release
from licenses.releases import release_audience
from licenses.services.releases import release_publish, release_update, release_withdraw

LIST = "admin:licenses_release_changelist"
INSTALLATIONS = "admin:licenses_installation_changelist"
LICENSES = "admin:licenses_license_changelist"


class StateFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("out", "out"), ("ahead", "still to come"), ("withdrawn", "withdrawn")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "out":
                return queryset.filter(withdrawn_at=None, published_at__lte=now())
            case "ahead":
                return queryset.filter(withdrawn_at=None, published_at__gt=now())
            case "withdrawn":
                return queryset.filter(withdrawn_at__isnull=False)
        return queryset


@dataclass(frozen=True, slots=True)
class Bar:
    """A version as the page draws it; `width` is of 100."""

    version: str
    count: int
    width: float
    url: str
    note: str


@admin.register(Release)
class ReleaseAdmin(RecordAdmin[Release]):
    template = "admin/signet/release.html"
    list_display = (
        "version_shown",
        "product",
        "channel_shown",
        "state_shown",
        "published",
        "demands",
        "size",
    )
    list_display_links = ("version_shown",)
    list_select_related = ("product",)
    list_filter = (("product", RelatedDropdownFilter), ("channel", ChoicesDropdownFilter), StateFilter)
    search_fields = ("version", "sha256")
    search_help_text = "Version or SHA-256"
    ordering = ("-published_at", "-id")
    sortable_by = ()
    actions_list = ("adoption",)
    empty_title = "No release yet"
    empty_text = (
        "Publish a version: installations ask for it with their license and check what they get offline."
    )

    # --- list -------------------------------------------------------------------------------------

    @display(description="Version")
    def version_shown(self, row: Release) -> SafeString:
        return show.mono(row.version)

    @display(description="Channel")
    def channel_shown(self, row: Release) -> SafeString:
        return show.badge(row.channel, "success" if row.channel == ReleaseChannel.STABLE else "info")

    @display(description="State")
    def state_shown(self, row: Release) -> SafeString:
        return _state(row)

    @display(description="Out from")
    def published(self, row: Release) -> SafeString | str:
        return show.day(row.published_at)

    @display(description="Asks for")
    def demands(self, row: Release) -> str:
        return _demands(row) or "-"

    @display(description="Size")
    def size(self, row: Release) -> str:
        return filesizeformat(row.size_bytes)

    # --- who may ----------------------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("licenses.add_release")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/edit/", view(self.edit_view), name="licenses_release_edit"),
            path("<int:pk>/withdraw/", view(self.withdraw_view), name="licenses_release_withdraw"),
            *super().get_urls(),
        ]

    def _changeable(self, request: HttpRequest, pk: int) -> Release:
        """Raises PermissionDenied and Http404."""
        if not request.user.has_perm("licenses.change_release"):
            raise PermissionDenied
        return self.row(request, pk)

    # --- page of one ------------------------------------------------------------------------------

    def page(self, request: HttpRequest, row: Release) -> dict[str, Any]:
        at = now()
        audience = release_audience(row, at)
        return {
            "title": f"{row.product.name} {row.version}",
            "state": _state(row),
            "meaning": _meaning(row),
            "facts": list(_facts(row)),
            "may_change": request.user.has_perm("licenses.change_release") and not row.is_withdrawn,
            "running": _counted(running(row)),
            "running_url": f"{reverse(INSTALLATIONS)}?{urlencode({'release': row.pk})}",
            "may_have": None if audience is None else _counted(audience),
            "may_have_url": f"{reverse(LICENSES)}?{urlencode({'may_have': row.pk})}",
        }

    # --- making and changing ----------------------------------------------------------------------

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        if not self.has_add_permission(request):
            raise PermissionDenied
        at = now()
        form = ReleaseForm(posted(request), at=at)
        made = form.submit(
            request, lambda _: release_publish(**form.facts(), actor=actors.user(request.user), at=at)
        )
        says = (
            "Every license that may have it is told of it from its day on, at its next poll.",
            "Once it is out, version, checksum and size stay: other bytes are another version.",
        )
        return self._answer(
            request, form, made, said="was published", title="Publish a release", submit="Publish", says=says
        )

    def edit_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        row, at = self._changeable(request, pk), now()
        form = ReleaseForm(posted(request), release=row, at=at)
        saved = form.submit(
            request,
            lambda _: release_update(release=row, **form.facts(), actor=actors.user(request.user), at=at),
        )
        says = ("It holds for the next poll of every installation; nothing that was fetched is called back.",)
        return self._answer(
            request,
            form,
            saved,
            said="is changed",
            title=f"Change {row}",
            submit="Save",
            says=says,
            back=show.page_of(row),
            original=row,
        )

    def withdraw_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self._changeable(request, pk)
        form = WithdrawForm(posted(request))
        gone = form.submit(
            request,
            lambda data: release_withdraw(release=row, **data, actor=actors.user(request.user), at=now()),
        )
        says = (
            "No license gets it from now on, and manifests name it as withdrawn, with your reason.",
            "Installations that run it go on running: they are told, not stopped.",
            "This is final. A version that is put right is another version.",
        )
        return self._answer(
            request, form, gone, said="is withdrawn", title=f"Withdraw {row}", submit="Withdraw", says=says,
            back=show.page_of(row), original=row, danger=True,
        )  # fmt: skip

    def _answer(
        self, request: HttpRequest, form: Any, saved: Release | None, *, said: str, title: str,
        submit: str, says: Sequence[str], **context: Any,
    ) -> HttpResponse:  # fmt: skip
        if saved is not None:
            messages.success(request, f"{saved.product.name} {saved.version} {said}.")
            return HttpResponseRedirect(show.page_of(saved))
        shown = {"back": reverse(LIST), **context}
        return form_page(
            request, form, title=title, submit=submit, opts=self.model._meta, consequences=says, **shown
        )

    # --- adoption ---------------------------------------------------------------------------------

    @action(description="Adoption", icon="stacked_bar_chart", url_path="adoption")  # type: ignore[untyped-decorator] # unfold ships no types
    def adoption(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": "Adoption by version",
            "products": [(found, _installed_url(found.product), list(_bars(found))) for found in adoption()],
            "model_opts": self.model._meta,
        }
        return TemplateResponse(request, "admin/signet/adoption.html", context)


def _counted(rows: QuerySet[Any]) -> str:
    """How many rows there are, counted as far as the list behind the number counts them."""
    number = rows.order_by()[: COUNT_LIMIT + 1].count()
    return f"{number:,}" if number <= COUNT_LIMIT else f"more than {COUNT_LIMIT:,}"


def _bars(found: Adoption) -> Iterator[Bar]:
    largest = max((line.count for line in found.versions), default=0)
    for line in found.versions:
        width = round(100 * line.count / largest, 1)
        yield Bar(line.version, line.count, width, _running_url(found.product.pk, line.version), _note(line))


def _note(line: Running) -> str:
    if line.release is None:
        return "no release of ours"
    if line.release.is_withdrawn:
        return "withdrawn"
    return "" if line.release.channel == ReleaseChannel.STABLE else line.release.channel


def _installed_url(product: Product) -> str:
    return f"{reverse(INSTALLATIONS)}?{urlencode({'product': product.pk, 'set_aside_at__isnull': 1})}"


def _running_url(product: int, version: str) -> str:
    query: dict[str, str | int] = {"product": product, "version": version, "set_aside_at__isnull": 1}
    return f"{reverse(INSTALLATIONS)}?{urlencode(query)}"


def _state(row: Release) -> SafeString:
    if row.is_withdrawn:
        return show.badge("withdrawn", "danger")
    return show.badge("out", "success") if row.published_at <= now() else show.badge("still to come", "info")


def _meaning(row: Release) -> str:
    if row.is_withdrawn:
        return f"Taken back: {row.withdrawn_reason}"
    if row.published_at > now():
        return f"Nobody gets it before {show.instant(row.published_at)}."
    return "Licenses that may have it are told of it when they poll."


def _demands(row: Release) -> str:
    wanted = [row.get_minimum_edition_display()] if row.minimum_edition else []
    if row.channel != ReleaseChannel.STABLE:
        wanted.append(channel_entitlement(ReleaseChannel(row.channel)))
    return ", ".join([*wanted, *([row.entitlement] if row.entitlement else [])])


def _facts(row: Release) -> Iterator[tuple[str, SafeString | str]]:
    yield "Product", show.link(row.product)
    yield "Channel", row.get_channel_display()
    yield "Out from", show.instant(row.published_at)
    yield "Asks for", _demands(row) or "nothing but a license in force"
    yield "Artifact", show.mono(row.artifact)
    yield "SHA-256", show.mono(row.sha256)
    yield "Size", f"{row.size_bytes:,} bytes"
    yield "Notes", format_html('<span class="sg-text">{}</span>', row.notes) if row.notes else "-"
    yield "Published by", names_of([row.created_by])[row.created_by]
    if row.is_withdrawn:
        yield "Withdrawn", show.instant(row.withdrawn_at)


# --- names in the history -----------------------------------------------------------------------------


def _key(text: str) -> tuple[str, str]:
    product_key, _, version = text.partition("/")
    return product_key, version


def _names(ids: Sequence[str]) -> dict[str, Named]:
    keys = {_key(text): text for text in ids}
    rows = Release.objects.select_related("product").filter(
        product__product_key__in={key for key, _ in keys}, version__in={version for _, version in keys}
    )
    return {
        keys[row.product.product_key, row.version]: Named(
            f"{row.product.name} {row.version}", show.page_of(row)
        )
        for row in rows
        if (row.product.product_key, row.version) in keys
    }


def _find(text: str) -> list[str]:
    rows = Release.objects.select_related("product").filter(version=text)[:20]
    return [f"{row.product.product_key}/{row.version}" for row in rows]


naming_register("release", Naming(_names, _find))
