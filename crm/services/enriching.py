"""What heartbeats say, written onto people: on change only (A20)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import F, Q

from config.kit.locks import referable
from crm.domain.facts import Facts, Sight, facts_of
from crm.models import Person, PersonLicense
from licenses.domain.enums import NodeCapState
from licenses.models import Installation, NodeCapEpisode
from trials.models import Trial

log = structlog.get_logger(__name__)
BATCH = 500
WINDOW = timedelta(days=7)
"""How far back a sweep looks for beats: so long may it stand still and lose nothing."""


def people_refresh(*, people: Iterable[int], at: datetime) -> int:
    """Bring the facts of these people up to date; return how many rows were written: those that changed."""
    changed = 0
    ids = sorted(set(people))
    for start in range(0, len(ids), BATCH):
        with transaction.atomic():
            rows = list(referable(Person.objects.filter(pk__in=ids[start : start + BATCH])).order_by("pk"))
            facts = _facts([row.pk for row in rows])
            changed += sum(_write(row, facts.get(row.pk, Facts()), at) for row in rows)
    return changed


def license_people_refresh(*, license_id: int, at: datetime) -> int:
    """As `people_refresh`, for those who look after one license."""
    people = PersonLicense.objects.filter(license=license_id).values_list("person_id", flat=True)
    return people_refresh(people=people, at=at)


def people_enrich(*, at: datetime) -> int:
    """Bring everybody up to date whose deployments were heard since; return how many changed.

    A beat writes no event, so this runs by the clock. Safe to run twice, late or in parallel. Somebody whose facts
    cannot be written is logged, tried again with the next run, and keeps nobody else from being brought up to date.
    """
    heard = Installation.objects.filter(
        Q(license__people__person__last_seen_at__lt=F("last_seen_at"))
        | Q(license__people__person__last_seen_at__isnull=True, license__people__isnull=False),
        seen_on__gte=(at - WINDOW).date(), set_aside_at=None,
    )  # fmt: skip
    rows = heard.order_by().values_list("license__people__person_id", flat=True).distinct()
    ids = sorted(pk for pk in rows if pk is not None)
    return sum(_refresh_apart(ids[start : start + BATCH], at) for start in range(0, len(ids), BATCH))


def _refresh_apart(ids: list[int], at: datetime) -> int:
    """A batch at once; where that fails, each alone."""
    try:
        return people_refresh(people=ids, at=at)
    except Exception:
        if len(ids) == 1:
            log.exception("person_refresh_failed", person=ids[0])
            return 0
        return sum(_refresh_apart([pk], at) for pk in ids)


def _facts(people: list[int]) -> dict[int, Facts]:
    """The facts of many people in four queries."""
    licenses: dict[int, list[int]] = defaultdict(list)
    for person, license_id in PersonLicense.objects.filter(person__in=people).values_list(
        "person", "license"
    ):
        licenses[person].append(license_id)
    wanted = {license_id for ids in licenses.values() for license_id in ids}
    sights = _sights(wanted)
    trials = {
        license_id: (pk, engagement)
        for license_id, pk, engagement in Trial.objects.filter(license__in=wanted)
        .order_by("pk")
        .values_list("license", "pk", "engagement")
    }
    found = {}
    for person, ids in licenses.items():
        newest = max((trials[pk] for pk in ids if pk in trials), default=(0, ""))
        found[person] = facts_of(newest[1], [sight for pk in ids for sight in sights.get(pk, ())])
    return found


def _sights(licenses: set[int]) -> dict[int, list[Sight]]:
    rows = Installation.objects.filter(license__in=licenses, set_aside_at=None).order_by("pk")
    states = dict(
        NodeCapEpisode.objects.filter(installation__license__in=licenses, ended_at=None).values_list(
            "installation", "state"
        )
    )
    found: dict[int, list[Sight]] = defaultdict(list)
    for row in rows:
        state = states.get(row.pk, NodeCapState.WITHIN.value)
        found[row.license_id].append(
            Sight(row.last_seen_at, row.version, row.operating_system, row.nodes, state)
        )
    return found


def _write(row: Person, facts: Facts, at: datetime) -> bool:
    changed = [name for name, value in asdict(facts).items() if getattr(row, name) != value]
    if not changed:
        return False
    for name in changed:
        setattr(row, name, getattr(facts, name))
    row.facts_at = row.changed_at = at
    row.save(update_fields=[*changed, "facts_at", "changed_at"])
    return True
