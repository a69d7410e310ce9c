"""Trial programs: the rules under which a product may be tried (E21, A22)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin import display
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import BooleanRadioFilter, RelatedDropdownFilter
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminURLInputWidget

from config.kit.display import label
from licenses.admin.catalogue import CatalogueAdmin, JSONForm
from licenses.domain.enums import Edition
from licenses.models import Plan
from trials.admin.display import shape_in_words
from trials.admin.program_fields import LinesField, QuestionsField
from trials.models import Trial, TrialProgram
from trials.services.programs import program_create, program_update

CHANGE = "trials.change_trialprogram"
VIEW = "trials.view_trialprogram"


class ProgramForm(JSONForm):
    fields = QuestionsField(  # type: ignore[assignment] # the column is called so; Django takes it out of the class
        label="Questions",
        help_text="Asked besides the address. Clear the text of a question to take it away; save for more rows.",
    )
    origins = LinesField(
        label="Sites that may embed the page", help_text="One a line, as https://www.example.com."
    )
    terms_url = forms.URLField(
        label="Where the terms are", required=False, assume_scheme="https", widget=UnfoldAdminURLInputWidget()
    )
    edition = forms.ChoiceField(
        choices=[(str(edition), str(edition)) for edition in Edition], initial=str(Edition.ENTERPRISE),
        widget=UnfoldAdminSelectWidget(),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plan: Any = vars(self)["fields"].get("plan")
        if plan is not None:
            kept = self.instance.plan_id
            open_plans = Plan.objects.filter(active=True, archived=False)
            rows = open_plans | Plan.objects.filter(pk=kept)
            plan.queryset = rows.select_related("product").order_by("product__name", "tier_rank", "slug")
            plan.label_from_instance = lambda row: f"{row.product.name}: {row.name}"


@dataclass(frozen=True, slots=True)
class PublicPage:
    """The hosted page of a program: where it is, whether it is open, and the HTML that embeds it."""

    url: str
    open: bool
    snippet: str

    @classmethod
    def of(cls, row: TrialProgram) -> PublicPage:
        base = settings.BASE_URL.rstrip("/")
        url = f"{base}{reverse('trial-page', kwargs={'slug': row.slug})}"
        frame = format_html(
            '<iframe data-signet-trial="{}" title="Try {}" width="100%" height="720"></iframe>\n'
            '<script src="{}" async></script>',
            url, row.product.name, f"{base}{static('signet/embed.js')}",
        )  # fmt: skip
        return cls(url, row.active and row.public, str(frame))


def running() -> Coalesce:
    """How many trials of a program run, as a column of it."""
    rows = Trial.objects.filter(program=OuterRef("pk"), ended_at=None).order_by()
    number = rows.values("program").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(number, output_field=IntegerField()), 0)


def trials_url(row: TrialProgram, **filters: str) -> str:
    """The trials of a program."""
    query = urlencode({"program__id__exact": row.pk, **filters})
    return f"{reverse('admin:trials_trial_changelist')}?{query}"


@admin.register(TrialProgram)
class TrialProgramAdmin(CatalogueAdmin):
    form = ProgramForm
    create, update, argument = program_create, program_update, "program"
    FIXED = ("slug", "product")
    list_display = ("name", "product", "plan_name", "shape", "approval", "state", "trials_shown")
    list_display_links = ("name",)
    list_select_related = ("product", "plan")
    list_filter = (("product", RelatedDropdownFilter), ("active", BooleanRadioFilter))
    search_fields = ("name", "slug", "product__name")
    search_help_text = "Name or product"
    ordering = ("name", "pk")
    prepopulated_fields = {"slug": ("name",)}
    change_form_outer_before_template = "admin/signet/program_head.html"
    empty_title = "No trial program yet"
    empty_text = "Add one for a product: how long, how much, and whether an operator approves."
    fieldsets = (
        (None, {"fields": ("name", "slug", "product", "plan", ("active", "default"))}),
        ("Who may try", {"fields": ("approval", ("public", "verify_address", "free_mail"), "cooldown_days")}),
        ("The trial", {"fields": ("edition", ("duration_days", "seats", "nodes"),
                                  ("extension_days", "extensions_max"))}),
        ("What is asked", {"fields": (("terms_version", "terms_url"), "fields", "origins")}),
        ("Engagement", {"fields": (("stuck_hours", "stuck_task_days"), ("dormant_days", "dormant_paid_days"),
                                   ("ready_days", "ready_window_days")),
                        "description": "When a trial counts as stuck, dormant or ready for a pilot."}),
        ("Evidence", {"fields": (("release_ref", "artifact_ref", "access_channel"),
                                 ("support_owner_ref", "onboarding_ref")),
                      "description": "What the access of a trial is written down with: opaque ids only."}),
    )  # fmt: skip

    class Media:
        css = {"all": ("signet/license.css", "signet/trials.css")}

    # --- who may ----------------------------------------------------------------------------------

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(VIEW) or request.user.has_perm(CHANGE)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(CHANGE)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(CHANGE)

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {} if obj is not None else dict(self.prepopulated_fields)

    # --- list and page ----------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[TrialProgram]:
        rows: QuerySet[TrialProgram] = super().get_queryset(request)
        return rows.annotate(running=running())

    def changeform_view(self, request: HttpRequest, object_id: str | None = None, form_url: str = "",
                        extra_context: Any = None) -> Any:  # fmt: skip
        row = self.get_object(request, object_id) if object_id else None
        links = _links(row) if row and request.user.has_perm("trials.view_trial") else ()
        head = {
            "links": links,
            "page": PublicPage.of(row) if row else None,
            "origins": row.origins if row else (),
        }
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), **head})

    @display(description="Plan")
    def plan_name(self, row: TrialProgram) -> str:
        return row.plan.name

    @display(description="Trial")
    def shape(self, row: TrialProgram) -> str:
        return shape_in_words(row)

    @display(description="State")
    def state(self, row: TrialProgram) -> SafeString:
        marks = [label("open", "success") if row.active else label("closed")]
        marks += [label("default", "info")] if row.default else []
        marks += [label("public")] if row.public else []
        return format_html('<div class="sg-states">{}</div>', SafeString("".join(marks)))

    @display(description="Running")
    def trials_shown(self, row: TrialProgram) -> SafeString:
        number = vars(row)["running"]
        url = trials_url(row, running="yes")
        return format_html('<a href="{}" class="text-link">{}</a>', url, f"{number:,}")


def _links(row: TrialProgram) -> list[tuple[str, str]]:
    """From a program to what was done under it."""
    requests = reverse("admin:trials_trialrequest_changelist")
    return [
        (f"{vars(row)['running']:,} running", trials_url(row, running="yes")),
        ("All its trials", trials_url(row)),
        ("Its requests", f"{requests}?{urlencode({'program__id__exact': row.pk})}"),
    ]
