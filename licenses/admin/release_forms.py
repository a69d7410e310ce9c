"""Forms about releases."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget

from licenses.admin.forms import InstantField, ServiceForm, count, note, select, text
from licenses.domain.enums import Edition, ReleaseChannel
from licenses.domain.versions import MAX_VERSION
from licenses.models import Product, Release
from licenses.models.catalogue import choices
from licenses.models.releases import MAX_ARTIFACT, MAX_NOTES, MAX_REASON
from licenses.services.releases import FIXED_ONCE_OUT


class ReleaseForm(ServiceForm):
    """A release; of one that is out, what may still change."""

    SECTIONS = (
        ("Release", ("product", "version", "channel", "published_at")),
        ("Artifact", ("artifact", "sha256", "size_bytes")),
        ("Who may have it", ("minimum_edition", "entitlement")),
        ("What customers read", ("notes",)),
    )
    WIDE = ("artifact", "sha256", "notes")

    product = forms.ModelChoiceField(
        Product.objects.filter(active=True).order_by("name"),
        widget=UnfoldAdminSelectWidget(),
        label="Product",
    )
    version = text(
        "Version",
        max_length=MAX_VERSION,
        required=True,
        help_text="As in 1.4.0, or 2.0.0-rc.1 for a pre-release.",
    )
    channel = select(
        "Channel",
        choices(ReleaseChannel),
        help_text="Other than stable: for who has the entitlement channel.beta or the like.",
    )
    published_at = InstantField(
        label="Out from (UTC)",
        help_text="Empty: now. It decides by maintenance, and is fixed once it has passed.",
    )
    artifact = text(
        "Address or name", max_length=MAX_ARTIFACT, required=True,
        help_text="https://…, or a name in a registry or store. Every customer who may have it reads it.",
    )  # fmt: skip
    sha256 = text(
        "SHA-256", max_length=64, required=True, help_text="64 hexadecimal digits; as sha256sum prints it."
    )
    size_bytes = count("Size in bytes", lowest=1)
    minimum_edition = select("Lowest edition", [("", "Every edition"), *choices(Edition)], required=False)
    entitlement = text("Entitlement", max_length=64, help_text="Slug that a license needs; empty for none.")
    notes = note("Notes", max_length=MAX_NOTES)

    def __init__(self, data: Any = None, *, release: Release | None = None, at: datetime) -> None:
        names = [name for name in self.base_fields if name != "product"]
        initial = {} if release is None else {name: getattr(release, name) for name in names}
        super().__init__(data, initial=initial)
        self.fields["size_bytes"].required = True
        if release is None:
            return
        del self.fields["product"], self.fields["version"]
        if release.published_at <= at:
            for name in FIXED_ONCE_OUT:
                del self.fields[name]

    def clean_sha256(self) -> str:
        digest: str = self.cleaned_data["sha256"]
        return digest.strip().lower()

    def facts(self) -> dict[str, Any]:
        """The arguments of the services; an empty day is left to them."""
        given = dict(self.cleaned_data)
        if given.get("published_at") is None:
            given.pop("published_at", None)
        return given


class WithdrawForm(ServiceForm):
    reason = note("Reason", max_length=MAX_REASON, required=True, help_text="Customers read it.")
