"""Forms of webhook endpoints."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminTextInputWidget,
)

from config.kit.forms import ServiceForm, switch
from config.kit.targets import LONGEST
from licenses.admin.forms import InstantField
from licenses.models import Product
from notifications.domain.event_groups import groups
from notifications.models import WebhookEndpoint

EVERY, CHOSEN = "every", "chosen"
DEAD, SINCE = "dead", "since"


class UrlWidget(UnfoldAdminTextInputWidget):  # type: ignore[misc] # unfold ships no types
    """Without the link to the present address, which the admin's own shows."""

    input_type = "url"


class KindsWidget(forms.SelectMultiple):
    """The kinds of event in groups, each with the sentence that says what it means."""

    template_name = "notifications/kinds.html"

    class Media:
        css = {"all": ("signet/webhooks.css",)}
        js = ("signet/kinds.js",)

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        chosen = set(value or ())
        shown = [
            {
                "title": title,
                "kinds": [{"value": k.value, "says": k.sentence, "on": k.value in chosen} for k in kinds],
            }
            for title, kinds in groups()
        ]
        return {"name": name, "groups": shown}


class WebhookForm(ServiceForm):
    """Making an endpoint, and changing one."""

    SECTIONS = (
        ("", ("name", "url")),
        ("What it hears of", ("which", "kinds", "products")),
    )
    WIDE = ("url", "which", "kinds", "products")

    name = forms.CharField(
        label="Name", max_length=100, widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="For people: whose system it is.",
    )  # fmt: skip
    url = forms.CharField(
        label="Address", max_length=LONGEST,
        widget=UrlWidget(attrs={"placeholder": "https://hooks.example.com/signet", "autocomplete": "off"}),
        help_text="HTTPS, on any port. Redirects are not followed, and nothing is sent into a private network.",
    )  # fmt: skip
    which = forms.ChoiceField(
        label="Events", choices=[(EVERY, "Every event, also of kinds that are added later"), (CHOSEN, "Only these")],
        widget=UnfoldAdminRadioSelectWidget(), initial=EVERY,
    )  # fmt: skip
    kinds = forms.MultipleChoiceField(
        label="Kinds of event", required=False, widget=KindsWidget(),
        choices=[(kind.value, kind.value) for _, kinds in groups() for kind in kinds],
    )  # fmt: skip
    products = forms.MultipleChoiceField(
        label="Products", required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="None chosen: every product. With a choice, events that are about no product are left out.",
    )  # fmt: skip

    def __init__(self, *args: Any, row: WebhookEndpoint | None = None, **kwargs: Any) -> None:
        if row is not None:
            which = CHOSEN if row.kinds else EVERY
            kwargs["initial"] = {
                "name": row.name, "url": row.url, "which": which, "kinds": row.kinds, "products": row.products,
            }  # fmt: skip
        super().__init__(*args, **kwargs)
        known = Product.objects.order_by("name").values_list("product_key", "name")
        self.fields["products"].choices = [(key, f"{name} ({key})") for key, name in known]  # type: ignore[attr-defined] # a choice field

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        which = data.pop("which", EVERY)
        if which == CHOSEN and not data.get("kinds") and "kinds" not in self.errors:
            self.add_error("kinds", "Choose at least one kind of event, or every event.")
        if which == EVERY:
            data["kinds"] = []
        return data


class ReplayForm(ServiceForm):
    what = forms.ChoiceField(
        label="What", widget=UnfoldAdminRadioSelectWidget(), initial=DEAD,
        choices=[
            (DEAD, "Everything that is dead"),
            (SINCE, "Everything that did not arrive since …"),
        ],
    )  # fmt: skip
    since = InstantField(
        label="Since (UTC)",
        help_text="What was cancelled, or missed while it was off or not there yet, is sent, too.",
    )
    delivered = switch(
        "What arrived as well", "Since that instant. The receiver gets webhook-ids that it knows."
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("what") == SINCE and not data.get("since") and "since" not in self.errors:
            self.add_error("since", "Say from which instant on.")
        return data


class DeleteForm(ServiceForm):
    sure = switch("Delete it for good")

    def clean_sure(self) -> bool:
        if not self.cleaned_data["sure"]:
            raise forms.ValidationError("Confirm it first.")
        return True
