"""Decisions on packages: by a person other than the author, bound to the digest that was read (B19)."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from config.kit.errors import FieldError, Invalid
from history.domain.kinds import Kind
from trials.domain.evidence.references import UnfitReference, check_reference
from trials.domain.evidence.words import StageName, State
from trials.evidence_errors import AlreadyApproved, DigestDiffers, NotSuperseded, OwnPackage, PackageBlocked
from trials.evidence_path import writers_of
from trials.models import EvidenceApproval, EvidencePackage, Trial
from trials.services.evidence.evaluating import ACTOR, chain_evaluate, record_package
from trials.services.evidence.packages import latest_of, package_keep, trial_lock

SELF_SERVE = "policy:self-serve-access"
"""The name under which the access of a self-serve trial is approved: nobody looked, and the record says so."""


def package_decide(
    *, package: EvidencePackage, digest: str, approved: bool, comment: str = "", actor: str, at: datetime
) -> EvidenceApproval:
    """Approve or reject one version, as a person. The caller has checked the right to (`trials.approve_evidence`).

    Raises OwnPackage (four eyes), DigestDiffers, PackageBlocked, AlreadyApproved, NotSuperseded, Invalid.
    """
    _check_comment(comment)
    with transaction.atomic():
        row = _to_decide(package, digest)
        if actor in writers_of(row):
            raise OwnPackage
        return _decide(
            row, EvidenceApproval.By.PERSON, approved=approved, comment=comment, actor=actor, at=at
        )


def package_approve_by_policy(
    *, package: EvidencePackage, policy: str = SELF_SERVE, at: datetime
) -> EvidenceApproval:
    """Approve what a policy grants by itself, under the policy's name (architecture: self-serve trials)."""
    with transaction.atomic():
        row = _to_decide(package, package.digest)
        return _decide(row, EvidenceApproval.By.POLICY, approved=True, comment="", actor=policy, at=at)


def _to_decide(package: EvidencePackage, digest: str) -> EvidencePackage:
    trial = trial_lock(package.trial)
    row = EvidencePackage.objects.get(pk=package.pk)
    row.trial = trial
    if not row.latest:
        raise NotSuperseded
    if row.digest != digest:
        raise DigestDiffers
    if row.approvals.filter(approved=True).exists():
        raise AlreadyApproved
    return row


def _decide(
    row: EvidencePackage, by: str, *, approved: bool, comment: str, actor: str, at: datetime
) -> EvidenceApproval:
    chain_evaluate(trial=row.trial, at=at)
    row.refresh_from_db(fields=["state", "blockers"])
    if approved and row.state != State.READY:
        raise PackageBlocked(blockers=list(row.blockers))
    decision = EvidenceApproval.objects.create(
        package=row,
        digest=row.digest,
        approved=approved,
        by=by,
        approver=actor,
        comment=comment,
        decided_at=at,
    )
    kind = Kind.EVIDENCE_APPROVED if approved else Kind.EVIDENCE_REJECTED
    record_package(kind, row, {"by": by}, actor=actor, at=at)
    chain_evaluate(trial=row.trial, at=at)
    if approved and row.stage == StageName.ACCESS:
        _refer_from_expiry(decision, row.trial, at)
    return decision


def _refer_from_expiry(decision: EvidenceApproval, trial: Trial, at: datetime) -> None:
    """An expiry that nobody has decided on names the approval of the access that it ends (B4)."""
    row = latest_of(trial, StageName.EXPIRY)
    if row is None or row.approvals.exists():
        return
    row.trial = trial
    row.values = {**row.values, "access_approval_ref": f"approval:{decision.pk}"}
    package_keep(row, {"approval": decision.pk}, actor=ACTOR, at=at)


def _check_comment(comment: str) -> None:
    """A comment is words, but none that name a person or carry a secret (B1, B21)."""
    for word in comment.split():
        try:
            check_reference(word.strip(".,;:!?()\"'") or "-x"[1:])
        except UnfitReference as unfit:
            if unfit.code not in {"not_opaque", "empty", "too_long"}:
                raise Invalid([FieldError("comment", unfit.code, str(unfit))]) from unfit
