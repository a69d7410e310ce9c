"""Trials: the rules, who asked, what runs, and who came by."""

from trials.models.evidence import (
    BlockedAccessCheck,
    EvaluatorNotification,
    EvidenceApproval,
    EvidencePackage,
    GraceApproval,
    Handoff,
)
from trials.models.programs import TrialProgram
from trials.models.requests import TrialRequest, TrialUse
from trials.models.traffic import TrafficDay
from trials.models.trials import Trial

__all__ = [
    "BlockedAccessCheck",
    "EvaluatorNotification",
    "EvidenceApproval",
    "EvidencePackage",
    "GraceApproval",
    "Handoff",
    "TrafficDay",
    "Trial",
    "TrialProgram",
    "TrialRequest",
    "TrialUse",
]
