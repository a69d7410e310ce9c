"""The dialogs of a package of evidence. Each says what will happen, then calls one service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from config.kit.display import instant
from config.kit.errors import FieldError, Invalid
from config.kit.forms import posted
from trials.admin.evidence_forms import (
    AttestForm,
    DecideForm,
    DeliveryForm,
    DropForm,
    GraceForm,
    HandoffForm,
    MembersForm,
    NotifyForm,
    OpenForm,
    handoff_initial,
)
from trials.admin.parts import Asked, Dialog, needs
from trials.domain.evidence.stages import STAGES
from trials.domain.evidence.words import (
    AccessCheck,
    CheckResult,
    DeliveryState,
    HandoffKind,
    NotificationChannel,
    StageName,
    State,
    TrackingKind,
)
from trials.evidence_path import path_of
from trials.models import EvaluatorNotification, EvidencePackage
from trials.services.evidence.approvals import package_decide
from trials.services.evidence.checks import access_check_attest, license_check_run
from trials.services.evidence.drafting import evidence_change, evidence_open
from trials.services.evidence.graces import grace_approve
from trials.services.evidence.handoffs import handoff_drop, handoff_set
from trials.services.evidence.notifying import evaluator_notify, notification_state_set
from trials.tracking import tasks_are_kept

EDIT = "trials.edit_evidence"
APPROVE = "trials.approve_evidence"


def _stage(row: EvidencePackage) -> Any:
    return STAGES[StageName(row.stage)]


def _by(asked: Asked) -> dict[str, Any]:
    return {"actor": asked.actor, "at": asked.at}


# --- members and decisions ----------------------------------------------------------------------------


def _members(asked: Asked) -> MembersForm:
    return MembersForm(posted(asked.request), stage=_stage(asked.row), package=asked.row)


def _edit_says(asked: Asked) -> list[str]:
    row: EvidencePackage = asked.row
    said = ["Fields take opaque ids only: no names, no addresses, no keys."]
    if row.approvals.exists():
        said.append(
            f"Version {row.version} was decided on and stays as it is: this makes version {row.version + 1}."
        )
    return said


def _edit(asked: Asked, data: Mapping[str, Any]) -> str:
    row = evidence_change(package=asked.row, values=data, **_by(asked))
    return f"{_stage(row).title}: version {row.version} is {_standing(row)}."


def _standing(row: EvidencePackage) -> str:
    if row.state == State.READY:
        return "ready and waits for an approver"
    number = len(row.blockers)
    return f"blocked: {number} {'thing is' if number == 1 else 'things are'} missing"


def _decide_form(asked: Asked) -> DecideForm:
    return DecideForm(posted(asked.request), initial={"digest": asked.row.digest})


def _decide(asked: Asked, data: Mapping[str, Any]) -> str:
    yes = data["decision"] == "approve"
    package_decide(
        package=asked.row, digest=data["digest"], approved=yes, comment=data["comment"], **_by(asked)
    )
    return f"{_stage(asked.row).title} is {'approved' if yes else 'rejected'}."


def _decide_says(asked: Asked) -> list[str]:
    row: EvidencePackage = asked.row
    return [
        f"You decide on the stage {_stage(row).title.lower()}, version {row.version}: digest {row.digest[:12]}…",
        "A decision is never taken back: a change makes the next version.",
    ]


def _decidable(row: EvidencePackage) -> bool:
    return row.latest and row.state == State.READY and not row.approvals.filter(approved=True).exists()


# --- follow-up ----------------------------------------------------------------------------------------


def _handoff_form(asked: Asked) -> HandoffForm:
    kind = asked.request.GET.get("kind", "")
    known = asked.row.handoffs.filter(kind=kind).first() if kind in set(HandoffKind) else None
    usual = TrackingKind.CRM_TASK if tasks_are_kept() else TrackingKind.EXTERNAL
    initial = handoff_initial(known) if known else {"tracking_kind": usual.value}
    return HandoffForm(posted(asked.request), initial=initial)


def _handoff(asked: Asked, data: Mapping[str, Any]) -> str:
    values = {
        **data, "kind": HandoffKind(data["kind"]), "tracking_kind": TrackingKind(data["tracking_kind"])
    }  # fmt: skip
    handoff_set(package=asked.row, **values, **_by(asked))
    return f"Handed to {values['kind'].replace('_', ' ')}."


def _drop(asked: Asked, data: Mapping[str, Any]) -> str:
    handoff_drop(package=asked.row, kind=HandoffKind(data["kind"]), **_by(asked))
    return f"The handoff to {data['kind'].replace('_', ' ')} is taken out."


def _notify(asked: Asked, data: Mapping[str, Any]) -> str:
    values = {**data, "channel": NotificationChannel(data["channel"])}
    evaluator_notify(package=asked.row, **values, **_by(asked))
    if values["channel"] is NotificationChannel.EMAIL:
        return "The mail to the evaluator is on its way; its delivery is followed here."
    return "The follow-up refers to it. Say here how far it came."


def _notified(row: EvidencePackage) -> EvaluatorNotification | None:
    return EvaluatorNotification.objects.filter(package__trial=row.trial_id).order_by("-id").first()


def _delivery(asked: Asked, data: Mapping[str, Any]) -> str:
    told = _notified(asked.row)
    if told is None:
        raise Invalid([FieldError("state", "not_notified", "Nobody has told the evaluator yet.")])
    notification_state_set(uid=str(told.uid), state=DeliveryState(data["state"]), **_by(asked))
    return f"The notification is {data['state']}."


def _is_follow_up(row: EvidencePackage) -> bool:
    return row.latest and row.stage == StageName.FOLLOW_UP


def _worked_by_people(row: EvidencePackage) -> bool:
    """A mail is followed by its send log."""
    told = _notified(row) if _is_follow_up(row) else None
    return told is not None and told.channel != NotificationChannel.EMAIL


# --- of the whole trial -------------------------------------------------------------------------------


def _openable(row: EvidencePackage) -> list[Any]:
    return [step.stage for step in path_of(row.trial) if step.openable]


def _open(asked: Asked, data: Mapping[str, Any]) -> str:
    row = evidence_open(trial=asked.row.trial, stage=StageName(data["stage"]), **_by(asked))
    return f"{_stage(row).title} is open."


def _try_license(asked: Asked, _data: Mapping[str, Any]) -> str:
    tried = license_check_run(trial=asked.row.trial, **_by(asked))
    return f"Our validation says: {tried.result}" + (f" ({tried.reason})." if tried.reason else ".")


def _attest(asked: Asked, data: Mapping[str, Any]) -> str:
    values = {**data, "check": AccessCheck(data["check"]), "result": CheckResult(data["result"])}
    access_check_attest(trial=asked.row.trial, **values, **_by(asked))
    return f"{data['check'].replace('_', ' ').capitalize()}: {data['result']}."


def _grace(asked: Asked, data: Mapping[str, Any]) -> str:
    grace = grace_approve(trial=asked.row.trial, until=data["until"], renew=data["renew"], **_by(asked))
    return f"Approved until {instant(grace.until)}. Its reference is grace:{grace.uid}."


OF_PACKAGE = (
    Dialog(
        slug="edit", title="Fill in", icon="edit", order=10, allowed=needs(EDIT), says=_edit_says, act=_edit,
        form=_members, fits=lambda row: row.latest, submit="Save",
    ),
    Dialog(
        slug="decide", title="Decide", icon="gavel", order=20, allowed=needs(APPROVE), says=_decide_says,
        act=_decide, form=_decide_form, fits=_decidable,
    ),
    Dialog(
        slug="notify", title="Tell the evaluator", icon="campaign", order=30, allowed=needs(EDIT), act=_notify,
        form=lambda asked: NotifyForm(posted(asked.request)), fits=_is_follow_up,
        says=lambda asked: [f"By e-mail a mail goes to {asked.row.trial.email}; the other channels are worked by you."],
    ),
    Dialog(
        slug="delivery", title="How far it came", icon="mark_email_read", order=40, allowed=needs(EDIT),
        act=_delivery, form=lambda asked: DeliveryForm(posted(asked.request)), fits=_worked_by_people,
        says=lambda _asked: ["A notification that failed blocks the follow-up until the evaluator is told again."],
        submit="Save",
    ),
    Dialog(
        slug="handoff", title="Hand over", icon="move_up", order=50, allowed=needs(EDIT), act=_handoff,
        form=_handoff_form, fits=_is_follow_up, submit="Save",
        says=lambda _asked: ["Of each kind there is one handoff: another one takes its place."],
    ),
    Dialog(
        slug="drop", title="Take a handoff out", icon="undo", order=60, allowed=needs(EDIT), act=_drop,
        form=lambda asked: DropForm(posted(asked.request), package=asked.row), submit="Take it out",
        fits=lambda row: _is_follow_up(row) and row.handoffs.exists(),
        says=lambda _asked: ["The others stay."],
    ),
)  # fmt: skip
OF_TRIAL = (
    Dialog(
        slug="open", title="Begin the next stage", icon="arrow_forward", order=110, allowed=needs(EDIT), act=_open,
        form=lambda asked: OpenForm(posted(asked.request), stages=_openable(asked.row)),
        fits=lambda row: bool(_openable(row)), submit="Begin",
        says=lambda _asked: ["It is built on the newest version of the stage before."],
    ),
    Dialog(
        slug="grace", title="Approve a grace period", icon="more_time", order=120, allowed=needs(APPROVE),
        act=_grace, form=lambda asked: GraceForm(posted(asked.request)), submit="Approve",
        says=lambda _asked: [
            "The approval is written down under your name. It extends nothing by itself unless you say so.",
            "The follow-up refers to it by its reference.",
        ],
    ),
    Dialog(
        slug="check", title="Try the license", icon="key_off", order=130, allowed=needs(EDIT), act=_try_license,
        submit="Try it",
        says=lambda _asked: ["The trial's own license is presented to our validation, as its deployment would."],
    ),
    Dialog(
        slug="attest", title="Attest a door", icon="door_front", order=140, allowed=needs(EDIT), act=_attest,
        form=lambda asked: AttestForm(posted(asked.request)), submit="Save",
        says=lambda _asked: ["Expected is that it is blocked. A door that is still open keeps the closeout blocked."],
    ),
)  # fmt: skip
DIALOGS = (*OF_PACKAGE, *OF_TRIAL)
