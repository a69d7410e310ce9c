"""What tasks say: a title, what is known, and the next thing to do. Plain words, nothing that changes later."""

from __future__ import annotations

from typing import Final

from crm.domain.words import TaskKind

TITLES: Final = {
    TaskKind.STUCK: "{who}: the trial was never installed",
    TaskKind.DORMANT: "{who}: gone silent",
    TaskKind.PILOT_READY: "{who}: ready for a pilot",
    TaskKind.OVER_CAP: "{who}: runs more nodes than licensed",
    TaskKind.EXPIRED: "{who}: expired",
    TaskKind.PAYMENT_FAILED: "{who}: a payment failed",
    TaskKind.RENEWAL_DUE: "{who}: renewal due",
    TaskKind.EVIDENCE_OVERDUE: "{who}: the follow-up is overdue",
    TaskKind.TRAFFIC: "Visits of {who}",
}
OF_STAGE: Final = {
    (TaskKind.OVER_CAP, "escalated"): "{who}: has outgrown its license",
    (TaskKind.FOLLOW_UP, "crm_task"): "{who}: tell the evaluator how the trial ended",
    (TaskKind.FOLLOW_UP, "customer_success"): "{who}: customer success takes the trial over",
    (TaskKind.FOLLOW_UP, "sales"): "{who}: sales takes the trial over",
    (TaskKind.FOLLOW_UP, "support"): "{who}: support takes the trial over",
}
NEXT: Final = {
    TaskKind.STUCK: "Ask what is in the way of the installation",
    TaskKind.DORMANT: "Ask how they get on",
    TaskKind.PILOT_READY: "Talk about a pilot",
    TaskKind.OVER_CAP: "Talk about a larger license",
    TaskKind.EXPIRED: "Ask whether they want to go on",
    TaskKind.PAYMENT_FAILED: "Ask for another way to pay",
    TaskKind.RENEWAL_DUE: "Agree on the renewal",
    TaskKind.EVIDENCE_OVERDUE: "Complete the follow-up package",
    TaskKind.TRAFFIC: "Look at what brought them",
}
NEXT_OF_STAGE: Final = {
    (TaskKind.FOLLOW_UP, "crm_task"): "Tell the evaluator; finishing this says that they were told",
    (TaskKind.FOLLOW_UP, "customer_success"): "Do what the follow-up names as next action",
    (TaskKind.FOLLOW_UP, "sales"): "Do what the follow-up names as next action",
    (TaskKind.FOLLOW_UP, "support"): "Do what the follow-up names as next action",
}
DUE_DAYS: Final = {
    TaskKind.STUCK: 2,
    TaskKind.DORMANT: 3,
    TaskKind.PILOT_READY: 2,
    TaskKind.OVER_CAP: 5,
    TaskKind.EXPIRED: 2,
    TaskKind.PAYMENT_FAILED: 1,
    TaskKind.RENEWAL_DUE: 7,
    TaskKind.EVIDENCE_OVERDUE: 1,
    TaskKind.TRAFFIC: 7,
    TaskKind.FOLLOW_UP: 3,
}
LONGEST_TITLE: Final = 200
MOST_LINES: Final = 20


def title_of(kind: TaskKind, who: str, stage: str = "") -> str:
    """The title, with a name cut so that it fits."""
    title = OF_STAGE.get((kind, stage)) or TITLES[kind]
    room = LONGEST_TITLE - len(title) + len("{who}")
    return title.replace("{who}", who if len(who) <= room else f"{who[: room - 1]}…")


def next_of(kind: TaskKind, stage: str = "") -> str:
    """What is to be done next."""
    return NEXT_OF_STAGE.get((kind, stage)) or NEXT[kind]


def traffic_text(lines: list[tuple[str, str, str, int]]) -> str:
    """A day's visits by source, medium and campaign, the most first (A24)."""
    total = sum(visits for *_, visits in lines)
    ordered = sorted(lines, key=lambda line: (-line[3], line[:3]))
    told = [
        f"{visits:,} {' / '.join(part for part in parts if part) or '(none)'}"
        for *parts, visits in ordered[:MOST_LINES]
    ]
    rest = sum(visits for *_, visits in ordered[MOST_LINES:])
    return "\n".join([f"{total:,} in all", *told, *([f"{rest:,} from elsewhere"] if rest else [])])
