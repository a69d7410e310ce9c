"""What a digest lists, and which digests are due."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Max, Q, QuerySet

from config.kit import ids
from licenses.models import License
from notifications.domain import digest as rules
from notifications.domain.digest import Line, Schedule, Span, Told
from notifications.models import DigestRun, ExpiryDigest, Message

CHUNK = 2000
TOLD = (DigestRun.State.SENT, DigestRun.State.EMPTY)
_COLUMNS = (
    "pk", "uid", "account_id", "account__name", "product__name", "plan__name", "kind", "internal", "quantity",
    "creator__name", "creator__email", "created_by", "created_at", "expires_at",
)  # fmt: skip


def expiring(span: Span, digest: ExpiryDigest) -> QuerySet[License]:
    """The licenses that a digest lists, what ends first at the front: one range of the index `license_expiring`."""
    rows = License.objects.expiring(span.first, span.until).filter(kind__in=digest.kinds)
    if not digest.include_internal:
        rows = rows.filter(internal=False)
    if span.reopened is not None:
        rows = rows.filter(Q(expires_at__gte=span.since) | Q(status_at__gt=span.reopened_at))
    return rows.order_by("expires_at", "pk")


def expiring_lines(span: Span, digest: ExpiryDigest) -> Iterator[Line]:
    """The same as lines, in one query that is streamed."""
    for row in expiring(span, digest).values_list(*_COLUMNS).iterator(chunk_size=CHUNK):
        yield _line(span, row)


def _line(span: Span, row: tuple[Any, ...]) -> Line:
    expires_at = row[13]
    return Line(
        license_id=row[0],
        public_id=ids.license_id(row[1]),
        account_id=row[2],
        account=row[3],
        product=row[4],
        plan=row[5],
        kind=row[6],
        internal=row[7],
        quantity=row[8],
        creator=row[9] or row[10] or row[11],
        created_at=row[12],
        expires_at=expires_at,
        days_left=span.days_left(expires_at),
        section=span.section(expires_at),
    )


# --- days -----------------------------------------------------------------------------------------------


def schedule_of(digest: ExpiryDigest) -> Schedule:
    """Raises ZoneInfoNotFoundError when the zone database has lost the zone."""
    return Schedule(digest.hour, ZoneInfo(digest.zone), frozenset(digest.weekdays))


def told_before(digest: ExpiryDigest, day: date) -> Told | None:
    """The last digest before a day that was told, or had nothing to tell; one without a recipient was not."""
    row = digest.runs.filter(day__lt=day, state__in=TOLD).order_by("-day").first()
    return None if row is None else Told(row.day, row.made_at)


def made(digest: ExpiryDigest, day: date) -> DigestRun | None:
    """The run of a day that need not be made again: one that had no recipient is, once there is one."""
    row = digest.runs.filter(day=day).first()
    untold = row is not None and row.state == DigestRun.State.NO_RECIPIENT
    return None if untold and digest.recipients else row


def digests() -> QuerySet[ExpiryDigest]:
    """Every digest with what the two functions below need, in one query."""
    told = Max("runs__day", filter=Q(runs__state__in=TOLD))
    return ExpiryDigest.objects.annotate(told_on=told, run_on=Max("runs__day"))


def _done(digest: ExpiryDigest) -> date | None:
    """The last day whose digest need not be made again."""
    row: Any = digest  # with the annotations of `digests`
    return row.told_on if digest.recipients else row.run_on  # type: ignore[no-any-return] # the row is annotated


def due_day(digest: ExpiryDigest, at: datetime) -> date | None:
    """The day whose digest is to be made now, if it is due. For a row of `digests`."""
    return rules.due_day(schedule_of(digest), at, begins=digest.created_at, done=_done(digest))


def next_run_at(digest: ExpiryDigest, at: datetime) -> datetime | None:
    """When the sweep makes the next one: now, later, or never. For a row of `digests`."""
    if not digest.enabled:
        return None
    return rules.next_run_at(schedule_of(digest), at, begins=digest.created_at, done=_done(digest))


# --- runs -----------------------------------------------------------------------------------------------


def dedupe_prefix(digest_id: int, day: date) -> str:
    """How the keys of a run's messages begin."""
    return f"digest:{digest_id}:{day.isoformat()}:"


def messages_of(runs: list[DigestRun]) -> dict[date, list[Message]]:
    """The messages of runs of one digest, by day, in one query, without what they say."""
    wanted = Q(pk__in=[])
    for run in runs:
        wanted |= Q(dedupe_key__startswith=dedupe_prefix(run.digest_id, run.day))
    found: dict[date, list[Message]] = {run.day: [] for run in runs}
    for message in Message.objects.filter(wanted).defer("parts").order_by("pk"):
        found[date.fromisoformat(message.dedupe_key.split(":")[2])].append(message)
    return found
