"""The presets behind the buttons of the quick page: their terms as fields, their order by buttons or by hand (D9)."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import display
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter

from config.kit import actors
from config.kit.clock import now
from licenses.admin.catalogue import CatalogueAdmin
from licenses.admin.forms import posted
from licenses.admin.generate_forms import plan_facts
from licenses.admin.pages import form_page
from licenses.admin.preset_forms import PresetForm
from licenses.admin.preset_terms import terms_in_words
from licenses.models import Preset
from licenses.services.catalogue import preset_create, preset_move, preset_place, preset_update

LIST = "admin:licenses_preset_changelist"


@admin.register(Preset)
class PresetAdmin(CatalogueAdmin):
    list_display = ("order", "name", "plan_name", "kind", "terms", "active")
    list_display_links = ("name",)
    list_select_related = ("plan__product",)
    list_filter = (("kind", ChoicesDropdownFilter), ("active", BooleanRadioFilter))
    search_fields = ("name",)
    ordering = ("position", "name")
    sortable_by = ()
    fields = ("name", "plan_name", "kind", "terms", "active")  # as who only looks sees it

    class Media:
        css = {"all": ("signet/generate.css",)}
        js = ("signet/presets.js",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return self.fields

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.move_view))
        return [path("<int:pk>/move/", view, name="licenses_preset_move"), *super().get_urls()]

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """Who may not change the order sees it as numbers."""
        first = "order" if self.has_change_permission(request) else "position"
        return (first, *self.list_display[1:])

    @display(description="Order")
    def order(self, preset: Preset) -> SafeString:
        url = reverse("admin:licenses_preset_move", args=[preset.pk])
        return format_html(
            '<span class="sg-moves" data-preset="{}">{}{}</span>',
            preset.pk,
            _button(preset, url, "up", "arrow_upward", "Move {} up"),
            _button(preset, url, "down", "arrow_downward", "Move {} down"),
        )

    @display(description="Plan")
    def plan_name(self, preset: Preset) -> str:
        return f"{preset.plan.product.name}, {preset.plan.name}"

    @display(description="Terms")
    def terms(self, preset: Preset) -> str:
        return terms_in_words(preset.defaults)

    def move_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Move a preset one place, or beside another; the list comes back with the focus on one of its buttons."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        preset = self._row(str(pk))
        by: dict[str, Any] = {"actor": actors.user(request.user), "at": now()}
        side = next((name for name in ("above", "below") if name in request.POST), "")
        way = "down" if "down" in request.POST else "up"
        if side:
            beside = self._row(request.POST[side])
            place = preset_place(preset=preset, beside=beside, below=side == "below", **by)
        else:
            place = preset_move(preset=preset, up=way == "up", **by)
        messages.info(request, f"{preset.name} is number {place} now.")
        return HttpResponseRedirect(f"{reverse(LIST)}#preset-{pk}-{way}")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = PresetForm(posted(request))
        made = form.submit(
            request,
            lambda _: preset_create(
                **form.facts(), position=Preset.objects.count() + 1, actor=actors.user(request.user), at=now()
            ),
        )
        return self._answer(request, form, made, "New preset", "Add preset")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        preset = self._row(object_id)
        if not self.has_change_permission(request, preset):
            return super().change_view(request, object_id, form_url, extra_context)
        form = PresetForm(posted(request), preset=preset)
        saved = form.submit(
            request,
            lambda _: preset_update(preset=preset, **form.facts(), actor=actors.user(request.user), at=now()),
        )
        return self._answer(request, form, saved, preset.name, "Save", original=preset)

    def _answer(
        self,
        request: HttpRequest,
        form: PresetForm,
        saved: Preset | None,
        title: str,
        submit: str,
        **context: Any,
    ) -> HttpResponse:
        if saved is not None:
            messages.success(request, f"Preset {saved.name} was saved.")
            return HttpResponseRedirect(reverse(LIST))
        return form_page(
            request, form, title=title, submit=submit, opts=self.model._meta, back=reverse(LIST),
            template="admin/signet/preset.html", plan_facts=plan_facts(form.plans),
            consequences=(
                "A preset is a button of the quick page. One for tests makes its key at once.",
                "Any other fills in the form first.",
                "Where a field stays empty, what the plan says holds.",
            ),
            **context,
        )  # fmt: skip

    def _row(self, pk: str) -> Preset:
        rows = Preset.objects.select_related("plan__product")
        preset = rows.filter(pk=pk).first() if pk.isdecimal() and len(pk) < 19 else None  # noqa: PLR2004 - beyond no key
        if preset is None:
            raise Http404
        return preset


def _button(preset: Preset, url: str, way: str, icon: str, label: str) -> SafeString:
    return format_html(
        '<button type="submit" id="preset-{}-{}" name="{}" value="1" formaction="{}" aria-label="{}" title="{}" '
        'class="sg-move"><span class="material-symbols-outlined" aria-hidden="true">{}</span></button>',
        preset.pk, way, way, url, label.format(preset.name), label.format(preset.name), icon,
    )  # fmt: skip
