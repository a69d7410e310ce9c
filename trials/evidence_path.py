"""The evidence of one trial as a path to walk: every stage in its order, with what is there and what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from config.kit.errors import NotFound
from history.domain.kinds import Kind
from history.models import Event
from trials.domain.evidence.gates import Evaluation, Stage, evaluate
from trials.domain.evidence.stages import STAGES
from trials.domain.evidence.words import StageName
from trials.evidence_errors import NoPackage
from trials.evidence_facts import chain_of
from trials.models import (
    BlockedAccessCheck,
    EvaluatorNotification,
    EvidenceApproval,
    EvidencePackage,
    GraceApproval,
    Handoff,
    Trial,
)

WRITES = (Kind.EVIDENCE_DRAFTED, Kind.EVIDENCE_CHANGED)


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of a trial. Without a package it has no `row`; `openable` says whether it may begin now (B2)."""

    stage: Stage
    openable: bool
    row: EvidencePackage | None = None
    evaluation: Evaluation | None = None
    decisions: tuple[EvidenceApproval, ...] = ()
    handoffs: tuple[Handoff, ...] = ()
    notifications: tuple[EvaluatorNotification, ...] = ()
    earlier: tuple[EvidencePackage, ...] = ()
    before: StageName | None = None

    @property
    def approved(self) -> bool:
        return any(decision.approved for decision in self.decisions)


def path_of(trial: Trial) -> list[Step]:
    """Every stage in the order of the chain. A fixed number of queries."""
    chain = chain_of(trial.pk)
    versions = list(EvidencePackage.objects.filter(trial=trial).order_by("-version"))
    rows = {StageName(row.stage): row for row in versions if row.latest}
    decisions = list(EvidenceApproval.objects.filter(package__trial=trial).order_by("id"))
    handoffs = list(Handoff.objects.filter(package__in=[row.pk for row in rows.values()]).order_by("kind"))
    told = tuple(EvaluatorNotification.objects.filter(package__trial=trial).order_by("id"))
    steps = []
    for name, stage in STAGES.items():
        row = rows.get(name)
        before = next((other for other in stage.after if other in rows), None)
        if row is None:
            steps.append(Step(stage, openable=before is not None or not stage.after))
            continue
        row.trial = trial
        steps.append(
            Step(
                stage, openable=False, row=row, evaluation=evaluate(chain[name], STAGES),
                decisions=tuple(decision for decision in decisions if decision.package_id == row.pk),
                handoffs=tuple(handoff for handoff in handoffs if handoff.package_id == row.pk),
                notifications=told if name is StageName.FOLLOW_UP else (),
                earlier=tuple(other for other in versions if other.stage == name and not other.latest),
                before=before,
            )
        )  # fmt: skip
    return steps


def step_of(trial: Trial, stage: StageName) -> Step:
    """One stage that has a package. Raises NoPackage."""
    step = next(step for step in path_of(trial) if step.stage.name == stage)
    if step.row is None:
        raise NoPackage
    return step


def graces_of(trial: Trial) -> list[GraceApproval]:
    """The graces of a trial, the newest first."""
    return list(GraceApproval.objects.filter(trial=trial))


def notification_of(trial: Trial, uid: UUID) -> EvaluatorNotification:
    """A notification about this trial. Raises NotFound for another's, too."""
    row = EvaluatorNotification.objects.filter(uid=uid, package__trial=trial).first()
    if row is None:
        raise NotFound
    return row


def checks_of(trial: Trial) -> list[BlockedAccessCheck]:
    """The newest answer of each door that was tried (B25)."""
    newest = {row.check_name: row for row in BlockedAccessCheck.objects.filter(trial=trial).order_by("id")}
    return [newest[name] for name in sorted(newest)]


def writers_of(package: EvidencePackage) -> set[str]:
    """Who wrote what a decision would approve: its author, and all who changed it since the last approval (B19)."""
    versions = EvidencePackage.objects.filter(trial_id=package.trial_id, stage=package.stage)
    versions = versions.filter(version__lte=package.version)
    approved = (
        versions.filter(version__lt=package.version, approvals__approved=True).order_by("-version").first()
    )
    if approved is not None:
        versions = versions.filter(version__gt=approved.version)
    subjects = [f"evidence:{uid}" for uid in versions.values_list("uid", flat=True)]
    wrote = Event.objects.filter(subject__in=subjects, kind__in=WRITES)
    return {package.author, *wrote.values_list("actor", flat=True).distinct()}
