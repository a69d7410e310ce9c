"""Renewal outcome (B24)."""

from __future__ import annotations

from trials.domain.evidence.gates import Gate, PackageFacts, Stage
from trials.domain.evidence.stages.parts import after, choice, instant, needs, one_of, reference
from trials.domain.evidence.words import RenewalOutcome, StageName


def _another_owner(package: PackageFacts) -> bool:
    before = package.predecessor
    return before is None or package.text("renewal_owner_ref") != before.text("renewal_owner_ref")


RENEWAL_OUTCOME = Stage(
    StageName.RENEWAL_OUTCOME, "Renewal outcome", "What became of the relation.", (StageName.CLOSEOUT,),
    (
        choice("outcome", RenewalOutcome),
        reference("renewal_owner_ref"),
        reference("outcome_ref"),
        instant("decided_at"),
    ),
    (
        *after("closeout", "closeout", mismatch="closeout_package_mismatch"),
        one_of("outcome", RenewalOutcome, "The outcome", "outcome_invalid"),
        needs("renewal_owner_ref", "The owner of the renewal"),
        Gate(
            "renewal_owner_differs", "The owner of the renewal is not the one approved with the closeout.",
            "Name the approved owner, or have the closeout approved with the new one.", _another_owner,
        ),
        needs("outcome_ref", "The reference of the outcome"),
        needs("decided_at", "The time of the decision"),
    ),
)  # fmt: skip
