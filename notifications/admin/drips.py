"""Steps of the trial mail: in order, and each to be edited (A25)."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin import display
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import BooleanRadioFilter
from unfold.widgets import UnfoldAdminSelectWidget

from config.kit import actors
from config.kit.admin import ServiceAdmin
from config.kit.clock import now
from config.kit.display import label
from notifications.admin import setting_fields as fields
from notifications.admin.digests import CONFIGURE, VIEW
from notifications.mail_templates import TEMPLATES
from notifications.models import DripStep
from notifications.services.drip_steps import COURSE, drip_step_create, drip_step_update

DAY = 24


class StepForm(forms.ModelForm[DripStep]):
    template = forms.ChoiceField(
        choices=[(name, template.title) for name, template in COURSE.items()],
        widget=UnfoldAdminSelectWidget(),
    )
    hour_from = forms.TypedChoiceField(
        label="Not before", choices=[(hour, f"{hour:02d}:00") for hour in range(DAY)], coerce=int, initial=8,
        widget=UnfoldAdminSelectWidget(),
    )  # fmt: skip
    hour_to = forms.TypedChoiceField(
        label="Before", choices=[(hour, f"{hour:02d}:00") for hour in range(1, DAY + 1)], coerce=int, initial=18,
        widget=UnfoldAdminSelectWidget(), help_text="What falls outside these hours waits until they begin.",
    )  # fmt: skip
    zone = fields.zone_field()

    class Meta:
        model = DripStep
        fields = (
            "name", "slug", "program", "enabled", "anchor", "offset_hours", "window_hours", "condition",
            "template", "hour_from", "hour_to", "zone", "position",
        )  # fmt: skip
        labels = {
            "anchor": "Counted from",
            "offset_hours": "Hours after it",
            "window_hours": "Window in hours",
        }
        help_texts = {
            "program": "Empty: every program without steps of its own. A program with its own steps gets those alone.",
            "position": "Its place in this list. When mail is sent follows from the times alone.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields.keep_choice(self, "zone", self.instance.zone)
        offset: Any = self.fields.get("offset_hours")
        if offset is not None:
            said = f" Now: {when_in_words(self.instance)}." if self.instance.pk else ""
            offset.help_text = f"24 is a day; -72 is three days before.{said}"

    def _post_clean(self) -> None:
        """Leave constraints to the service: it names the field, the table only the constraint."""
        vars(self.instance)["validate_constraints"] = lambda **_: None
        super()._post_clean()  # type: ignore[misc] # Django's own hook
        del vars(self.instance)["validate_constraints"]


@admin.register(DripStep)
class DripStepAdmin(ServiceAdmin):
    form = StepForm
    list_display = ("name", "when", "window", "condition", "template_shown", "hours", "for_whom", "state")
    list_display_links = ("name",)
    list_select_related = ("program",)
    list_filter = (("enabled", BooleanRadioFilter),)
    ordering = ("program__name", "position", "offset_hours", "pk")
    sortable_by = ()
    empty_title = "No step yet"
    empty_text = "Add the mails that whoever tries a product gets, and when."
    fieldsets = (
        (None, {"fields": ("name", ("slug", "program"), ("enabled", "position"))}),
        ("When", {"fields": (("anchor", "offset_hours", "window_hours"), "condition",
                             ("hour_from", "hour_to", "zone"))}),
        ("What", {"fields": ("template",)}),
    )  # fmt: skip

    # --- who may ----------------------------------------------------------------------------------

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(VIEW) or request.user.has_perm(CONFIGURE)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(CONFIGURE)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(CONFIGURE)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: a step that is not wanted is switched off, and what it sent keeps its name."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("slug", "program")

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        by: dict[str, Any] = {"actor": actors.user(request.user), "at": now()}
        if change:
            given = {name: form.cleaned_data[name] for name in form.changed_data}
            saved = drip_step_update(step=DripStep.objects.get(pk=obj.pk), **given, **by)
        else:
            saved = drip_step_create(**form.cleaned_data, **by)
        vars(obj).update(vars(saved))

    # --- list -------------------------------------------------------------------------------------

    @display(description="When")
    def when(self, row: DripStep) -> str:
        return when_in_words(row)

    @display(description="Window")
    def window(self, row: DripStep) -> str:
        return hours_in_words(row.window_hours)

    @display(description="Mail")
    def template_shown(self, row: DripStep) -> SafeString | str:
        if row.template not in TEMPLATES:
            return row.template
        url = reverse("admin:notifications_template", args=[row.template, 0])
        return format_html('<a href="{}" class="text-link">{}</a>', url, TEMPLATES[row.template].title)

    @display(description="Hours")
    def hours(self, row: DripStep) -> str:
        if (row.hour_from, row.hour_to) == (0, DAY):
            return "at any hour"
        return f"{row.hour_from:02d}:00 to {row.hour_to:02d}:00 {row.zone}"

    @display(description="For")
    def for_whom(self, row: DripStep) -> str:
        return row.program.name if row.program else "every program"

    @display(description="State")
    def state(self, row: DripStep) -> SafeString:
        return label("on", "success") if row.enabled else label("off")


def hours_in_words(hours: int) -> str:
    """Hours as days and hours: 49 is "2 days 1 hour"."""
    days, rest = divmod(hours, DAY)
    words = [f"{days:,} day{'' if days == 1 else 's'}"] if days else []
    words += [f"{rest} hour{'' if rest == 1 else 's'}"] if rest or not days else []
    return " ".join(words)


def when_in_words(row: DripStep) -> str:
    """When a step is due: "2 days after the start"."""
    anchor = str(row.get_anchor_display())
    if not row.offset_hours:
        return f"at {anchor}"
    side = "after" if row.offset_hours > 0 else "before"
    return f"{hours_in_words(abs(row.offset_hours))} {side} {anchor}"
