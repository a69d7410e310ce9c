"""Which happening makes a task, and which one ends it: a table over events, without a row in sight (A16, A20).

Every key names its cause, so that whatever is read twice makes one task.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from crm.domain.words import TaskKind

Data = Mapping[str, Any]
EXPIRED: Final = frozenset({"grace", "read_only"})
RUNNING: Final = frozenset({"active", "past_due"})
"""Of a cycle of payments: it renews, or would if its payment came."""


@dataclass(frozen=True, slots=True)
class Happening:
    """An event: kind, the type and id of its subject, data, and an id of its own. `term` names the term of the license
    that it is about: the id of the renewal that began it, empty for the first.
    """

    kind: str
    subject_type: str
    subject_id: str
    data: Data
    uid: str
    term: str = ""

    @classmethod
    def of(cls, kind: str, subject: str, data: Data, uid: str, term: str = "") -> Happening:
        subject_type, _, subject_id = subject.partition(":")
        return cls(kind, subject_type, subject_id, data, uid, term)


@dataclass(frozen=True, slots=True)
class Draft:
    """A task to be made: once for its key. `about` is the type and id of what it is about, `stage` how far it is.

    `uid` is the one by which it is referred to already; empty for one of its own.
    """

    kind: TaskKind
    key: str
    about: tuple[str, str]
    stage: str = ""
    uid: str = ""


@dataclass(frozen=True, slots=True)
class Settled:
    """Tasks that need doing no more: of these kinds about one thing, or the one of a key. Those of the term `but` stay:
    what settles the term before began it.
    """

    kinds: tuple[TaskKind, ...]
    about: tuple[str, str] | None = None
    key: str = ""
    but: str = ""


OF_TRIAL: Final = (TaskKind.STUCK, TaskKind.DORMANT, TaskKind.PILOT_READY)
OF_LICENSE: Final = (TaskKind.RENEWAL_DUE, TaskKind.EXPIRED)


def drafts_of(event: Happening) -> list[Draft]:
    """The tasks that an event makes. Node caps need their episode besides: `over_cap`."""
    maker = _DRAFTS.get(event.kind)
    return maker(event) if maker else []


def settled_by(event: Happening) -> list[Settled]:
    """What an event settles."""
    settler = _SETTLES.get(event.kind)
    return settler(event) if settler else []


def over_cap(event: Happening, episode: int | None) -> Draft:
    """One step up of one spell of one installation (A16); without a row of the spell the event itself names it."""
    installation, state = str(event.data["installation"]), event.data["state"]
    spell = event.uid if episode is None else str(episode)
    key = f"over_cap:{installation}:{spell}:{state}"
    return Draft(TaskKind.OVER_CAP, key, ("installation", installation), state)


def runs_on(data: Data) -> bool:
    """Does a cycle of payments renew its license by itself after this change of it?"""
    return data.get("to") in RUNNING and not data.get("cancel_at_period_end")


def not_renewed(event: Happening, license_id: str) -> list[Draft]:
    """A cycle of payments renews a license no more that is about to end. Once a change: it may be taken back."""
    if event.data.get("from") not in RUNNING or runs_on(event.data):
        return []
    key = f"renewal_due:{license_id}:{event.term}:{event.uid}"
    return [Draft(TaskKind.RENEWAL_DUE, key, ("license", license_id))]


def renewed_again(event: Happening, license_id: str) -> list[Settled]:
    """It was taken back."""
    return [Settled((TaskKind.RENEWAL_DUE,), ("license", license_id))] if runs_on(event.data) else []


def due_on(day: date, days: int) -> date:
    """The day on which a task is due that was made on a day."""
    return day + timedelta(days=days)


# --- what makes a task --------------------------------------------------------------------------------


def _attention(event: Happening) -> list[Draft]:
    """Stuck so long that a person should look; a customer that fell silent (A19)."""
    about, to = ("trial", event.subject_id), event.data.get("to")
    if to == "stuck":
        return [Draft(TaskKind.STUCK, f"stuck:{event.subject_id}", about)]
    if to == "dormant_paid":
        return [Draft(TaskKind.DORMANT, f"dormant_paid:{event.subject_id}:{event.uid}", about)]
    return []


def _engagement(event: Happening) -> list[Draft]:
    """Each spell of silence is a task of its own; pilot-ready is told once a trial."""
    about, to = ("trial", event.subject_id), event.data.get("to")
    if to == "dormant":
        return [Draft(TaskKind.DORMANT, f"dormant:{event.subject_id}:{event.uid}", about)]
    if to == "pilot_ready":
        return [Draft(TaskKind.PILOT_READY, f"pilot_ready:{event.subject_id}", about)]
    return []


def _trial_ended(event: Happening) -> list[Draft]:
    if event.data.get("outcome") != "expired":
        return []
    return [Draft(TaskKind.EXPIRED, f"expired:trial:{event.subject_id}", ("trial", event.subject_id))]


def _posture(event: Happening) -> list[Draft]:
    """Of a commercial license, once a term; the caller leaves out trials, test keys and what renews by itself."""
    about = ("license", event.subject_id)
    before, after = event.data.get("from"), event.data.get("to")
    if after == "warning" and before != "warning":
        return [Draft(TaskKind.RENEWAL_DUE, f"renewal_due:{event.subject_id}:{event.term}", about)]
    if after in EXPIRED and before not in EXPIRED:
        return [Draft(TaskKind.EXPIRED, f"expired:{event.subject_id}:{event.term}", about)]
    return []


def _payment_failed(event: Happening) -> list[Draft]:
    """Once an invoice, however often Stripe tries it again."""
    key = f"payment_failed:{event.data['invoice']}"
    return [Draft(TaskKind.PAYMENT_FAILED, key, ("subscription", event.subject_id))]


def _evidence(event: Happening) -> list[Draft]:
    """Once a trial, and again each time that a follow-up which was done is late anew."""
    trial = event.subject_id
    key = f"evidence:{trial}:{event.uid}" if event.data.get("again") else f"evidence:{trial}"
    return [Draft(TaskKind.EVIDENCE_OVERDUE, key, ("trial", trial))]


def _referred_to(event: Happening) -> list[Draft]:
    """What evidence asks a task for (B14, B15): to tell the evaluator, or to take a trial over."""
    task, about = event.data.get("task"), (event.subject_type, event.subject_id)
    stage = str(event.data.get("handoff") or event.data.get("channel"))
    return [Draft(TaskKind.FOLLOW_UP, f"evidence:task:{task}", about, stage, str(task))] if task else []


def _traffic(event: Happening) -> list[Draft]:
    """One a day, however often the day is counted (A24)."""
    return [Draft(TaskKind.TRAFFIC, f"traffic:{event.subject_id}", ("day", event.subject_id))]


_DRAFTS: Final[Mapping[str, Callable[[Happening], list[Draft]]]] = {
    "trial.attention": _attention,
    "trial.engagement": _engagement,
    "trial.ended": _trial_ended,
    "posture.changed": _posture,
    "payment.failed": _payment_failed,
    "evidence.overdue": _evidence,
    "evidence.changed": _referred_to,
    "evaluator.notified": _referred_to,
    "traffic.counted": _traffic,
}

# --- what settles one ---------------------------------------------------------------------------------


def _heard(event: Happening) -> list[Settled]:
    """A trial is heard: whatever said that it is not is moot."""
    if event.data.get("to") not in {"active", "pilot_ready"}:
        return []
    return [Settled((TaskKind.STUCK, TaskKind.DORMANT), ("trial", event.subject_id))]


def _calm(event: Happening) -> list[Settled]:
    gone = {"stuck": TaskKind.STUCK, "dormant_paid": TaskKind.DORMANT}.get(str(event.data.get("from")))
    return [Settled((gone,), ("trial", event.subject_id))] if gone else []


def _over(event: Happening) -> list[Settled]:
    return [Settled(OF_TRIAL, ("trial", event.subject_id))]


def _converted(event: Happening) -> list[Settled]:
    return [Settled((*OF_TRIAL, TaskKind.EXPIRED), ("trial", event.subject_id))]


def _license(event: Happening) -> list[Settled]:
    """A renewal for a short time is in its warning time at once, and that is of the new term."""
    return [Settled(OF_LICENSE, ("license", event.subject_id), but=event.uid)]


def _cap(event: Happening) -> list[Settled]:
    return [Settled((TaskKind.OVER_CAP,), ("installation", str(event.data["installation"])))]


def _paid(event: Happening) -> list[Settled]:
    return [Settled((TaskKind.PAYMENT_FAILED,), key=f"payment_failed:{event.data['reference']}")]


def _evidence_ready(event: Happening) -> list[Settled]:
    if event.data.get("stage") != "follow_up":
        return []
    return [Settled((TaskKind.EVIDENCE_OVERDUE,), ("trial", str(event.data["trial"])))]


def _lapsed(event: Happening) -> list[Settled]:
    """What has expired is no renewal to come any more."""
    if event.data.get("to") not in EXPIRED:
        return []
    return [Settled((TaskKind.RENEWAL_DUE,), ("license", event.subject_id))]


_SETTLES: Final[Mapping[str, Callable[[Happening], list[Settled]]]] = {
    "trial.engagement": _heard,
    "trial.attention": _calm,
    "trial.ended": _over,
    "trial.converted": _converted,
    "license.renewed": _license,
    "license.revoked": _license,
    "node_cap.cleared": _cap,
    "payment.settled": _paid,
    "posture.changed": _lapsed,
    "evidence.ready": _evidence_ready,
}
