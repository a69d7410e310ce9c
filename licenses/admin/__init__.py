"""Admin pages of the license office. Each changes rows through services only; none deletes."""

from __future__ import annotations

from licenses.admin import accounts as accounts
from licenses.admin import naming as naming
from licenses.admin.catalogue import PlanAdmin, ProductAdmin
from licenses.admin.installations import InstallationAdmin
from licenses.admin.issuances import IssuanceAdmin
from licenses.admin.jobs import JobAdmin
from licenses.admin.keys import SigningKeyAdmin
from licenses.admin.licenses import LicenseAdmin
from licenses.admin.presets import PresetAdmin
from licenses.admin.releases import ReleaseAdmin
from licenses.admin.usage import UsageAdmin

__all__ = [
    "InstallationAdmin",
    "IssuanceAdmin",
    "JobAdmin",
    "LicenseAdmin",
    "PlanAdmin",
    "PresetAdmin",
    "ProductAdmin",
    "ReleaseAdmin",
    "SigningKeyAdmin",
    "UsageAdmin",
]
