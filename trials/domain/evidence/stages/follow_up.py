"""Follow-up (B6-B12, B14-B16, B18)."""

from __future__ import annotations

from collections.abc import Callable

from trials.domain.evidence.gates import Gate, PackageFacts, Stage
from trials.domain.evidence.stages.parts import after, choice, ends, goes_on, needs, one_of, reference
from trials.domain.evidence.words import DeliveryState, NotificationChannel, StageName

GRACE, NOTIFICATION = "grace:", "notification:"
OWN = (GRACE, NOTIFICATION)


def _handoffs_lack(name: str) -> Callable[[PackageFacts], bool]:
    return lambda p: not p.handoffs or any(not getattr(handoff, name) for handoff in p.handoffs)


def _no_such_row(package: PackageFacts) -> bool:
    """A reference that says it is a row of ours, and is none of this trial's; others are followed elsewhere."""
    refs = (package.text("notification_ref"), package.text("delivery_tracking_ref"))
    return any(ref.startswith(OWN) and ref not in package.rows for ref in refs)


def _no_such_grace(package: PackageFacts) -> bool:
    refs = (package.text("grace_ref"), package.text("grace_approval_ref"))
    return any(ref and not (ref.startswith(GRACE) and ref in package.rows) for ref in refs)


FOLLOW_UP = Stage(
    StageName.FOLLOW_UP, "Follow-up", "How the evaluator was told, what was granted, and to whom it was handed.",
    (StageName.EXPIRY,),
    (
        choice("notification_channel", NotificationChannel),
        reference("notification_ref"),
        reference("delivery_owner_ref"),
        reference("delivery_tracking_ref"),
        reference("grace_ref", "Of a renewed or escalated trial."),
        reference("grace_approval_ref", "Of a renewed or escalated trial."),
        reference("commercial_handoff_ref", "Of a renewed or escalated trial."),
        reference("closeout_handoff_ref", "Of a revoked trial."),
        reference("follow_up_ref", "The record of the follow-up, or of the closeout."),
    ),
    (
        *after("expiry", "expiry", mismatch="approval_package_mismatch"),
        one_of("notification_channel", NotificationChannel, "The channel of the notification", "channel_invalid"),
        needs("notification_ref", "The reference of the notification"),
        needs("delivery_owner_ref", "The owner of the delivery"),
        needs("delivery_tracking_ref", "The tracking reference of the delivery"),
        Gate(
            "notification_unknown", "The follow-up refers to a notification that this trial has not.",
            "Tell the evaluator, or refer to where they were told.", _no_such_row, "notification",
        ),
        Gate(
            "notification_failed", "The notification could not be delivered.",
            "Send it again, or choose another channel.", lambda p: p.delivery == DeliveryState.FAILED,
            "notification",
        ),
        needs("grace_ref", "The reference of the grace period", goes_on),
        needs("grace_approval_ref", "The approval of the grace period", goes_on),
        Gate(
            "grace_unknown", "What stands for the grace period is no approved grace of this trial.",
            "Have a grace period approved: the follow-up then refers to it.", _no_such_grace, "grace",
        ),
        needs("commercial_handoff_ref", "The reference of the commercial handoff", goes_on),
        needs("closeout_handoff_ref", "The reference of the closeout's commercial handoff", ends),
        Gate(
            "handoff_owner_missing", "A handoff has no owner, or there is none.",
            "Name who takes each handoff.", _handoffs_lack("owner_ref"), "handoffs",
        ),
        Gate(
            "handoff_next_action_missing", "A handoff has no next action.",
            "Say by reference what happens next in each handoff.", _handoffs_lack("next_action_ref"), "handoffs",
        ),
        Gate(
            "handoff_tracking_missing", "A handoff is followed nowhere.",
            "Say by reference where each handoff is followed.", _handoffs_lack("tracking_ref"), "handoffs",
        ),
    ),
)  # fmt: skip
