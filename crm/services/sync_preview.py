"""A dry run: what would be sent next, beside what stands over there. It asks and writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice

from crm.domain.sync.failures import Failure
from crm.domain.sync.fields import BY_NAME, Mapped, ObjectKind
from crm.models import Connection, SyncJob
from crm.services.sync_access import connection_reach, sensibly, shown
from crm.services.sync_budget import Pace
from crm.services.sync_queueing import PAGE, is_dirty, links_of, sendable
from crm.services.sync_sending import Plan, plans_make
from crm.sync_facts import facts_of, labels_of

MOST = 20
"""Records of a kind."""
PAGES = 20


@dataclass(frozen=True, slots=True)
class Line:
    """One field: `deed` is what happens to it: sent, taken, or disputed."""

    name: str
    ours: str
    theirs: str
    deed: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What would become of one object: made, changed, left as it is, or not possible, and why."""

    kind: ObjectKind
    label: str
    deed: str
    lines: tuple[Line, ...] = ()
    words: str = ""

    @property
    def says_something(self) -> bool:
        return bool(self.lines or self.words)


def sync_preview(*, connection: Connection, pace: Pace) -> list[Preview]:
    """Look the next dirty objects of each kind up and say what would be done. Some requests of the budget.

    Asks over the network: never within a transaction. Raises CrmNotReached, SealingKeyMissing.
    """
    reached = connection_reach(connection=connection, pace=pace)
    found: list[Preview] = []
    for kind in ObjectKind:
        if kind not in connection.sends:
            continue
        mapped = reached.mapping[kind]
        ids = _dirty(connection, kind, mapped)
        facts = facts_of(connection, kind, ids)
        links, tried = links_of(connection, kind, ids), dict.fromkeys(ids, True)
        plans = sensibly(partial(plans_make, reached, kind, facts, links, tried))
        labels = labels_of(kind, ids)
        found += [_preview(kind, labels.get(pk, ""), mapped, plan) for pk, plan in plans.items()]
        if any(isinstance(plan, Failure) and plan.whole for plan in plans.values()):
            break
    return found


def _dirty(connection: Connection, kind: ObjectKind, mapped: Mapped) -> list[int]:
    """The next objects that would be sent: those that wait, then what is dirty, however far that is looked for."""
    waiting = SyncJob.objects.filter(connection=connection, kind=kind).exclude(state=SyncJob.State.FAILED)
    ids = list(waiting.order_by("due_at", "id").values_list("object_id", flat=True)[:MOST])
    rows = sendable(connection, kind).order_by("-pk").values_list("pk", flat=True)
    for start in range(0, PAGES * PAGE, PAGE):
        if len(ids) >= MOST:
            break
        there = list(rows[start : start + PAGE])
        page = [pk for pk in there if pk not in ids]
        facts, links = facts_of(connection, kind, page), links_of(connection, kind, page)
        dirty = (pk for pk, said in facts.items() if is_dirty(said, mapped, links.get(pk)))
        ids += islice(dirty, MOST - len(ids))
        if len(there) < PAGE:
            break
    return ids


def _preview(kind: ObjectKind, label: str, mapped: Mapped, plan: Plan | Failure) -> Preview:
    if isinstance(plan, Failure):
        return Preview(kind, label, "not possible", words=plan.words)
    if plan.seen.deleted:
        return Preview(kind, label, "left alone", words="It was deleted over there.")
    if plan.is_needless and not plan.take and not plan.disputed:
        return Preview(kind, label, "as it is there")
    return Preview(
        kind, label, "changed" if plan.seen.external_id else "made", tuple(_lines(kind, mapped, plan))
    )


def _lines(kind: ObjectKind, mapped: Mapped, plan: Plan) -> list[Line]:
    theirs: Mapping[str, object] = plan.seen.values
    rows = [(name, ours, theirs.get(mapped[name].to), "sent") for name, ours in plan.send.items()]
    rows += [(name, plan.facts.values.get(name), there, "taken") for name, there in plan.take.items()]
    rows += [(name, ours, there, "disputed") for name, (ours, there) in plan.disputed.items()]
    return [
        Line(BY_NAME[kind, name].label, shown(ours), shown(there), deed) for name, ours, there, deed in rows
    ]
