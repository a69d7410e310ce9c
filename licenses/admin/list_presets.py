"""The lists of licenses that everybody needs. A number elsewhere that counts one of them links to it."""

from __future__ import annotations

from django.urls import reverse

from config.kit.changelist import ListPreset
from licenses.domain.enums import Kind, LicenseStatus

_ACTIVE = {"status__exact": LicenseStatus.ACTIVE.value}

LIST_PRESETS = (
    *(
        ListPreset(
            f"expiring-{days}", f"Expiring in {days} days", "event_upcoming", {**_ACTIVE, "ends": str(days)}
        )
        for days in (7, 30, 90)
    ),
    ListPreset("expired", "Recently expired", "event_busy", {**_ACTIVE, "ends": "-30"}),
    ListPreset("unused", "Never activated", "power_off", {**_ACTIVE, "use": "never"}),
    ListPreset("test", "Test keys", "science", {"kind__exact": Kind.TEST.value}),
    ListPreset("internal", "Internal", "home_work", {"internal__exact": "1"}),
    ListPreset("revoked", "Revoked", "block", {"status__exact": LicenseStatus.REVOKED.value}),
    ListPreset("mine", "Mine", "person", {"creator": "me"}),
)


def preset_url(slug: str) -> str:
    """Address of a ready-made list in the admin."""
    preset = next(preset for preset in LIST_PRESETS if preset.slug == slug)
    return reverse("admin:licenses_license_changelist") + preset.address
