"""Admin pages of trials. Each changes rows through services only."""

from __future__ import annotations

from trials.admin import evidence_section as evidence_section
from trials.admin import naming as naming
from trials.admin.evidence import EvidencePackageAdmin
from trials.admin.programs import TrialProgramAdmin
from trials.admin.requests import TrialRequestAdmin
from trials.admin.trials import TrialAdmin

__all__ = ["EvidencePackageAdmin", "TrialAdmin", "TrialProgramAdmin", "TrialRequestAdmin"]
