"""What of the sync waits for a person: sources of "Needs attention", while the section is shown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, Max, Min
from django.urls import reverse

from config.kit.attention import Problem, Source, source_register
from config.kit.display import page_of
from config.kit.errors import NotFound
from crm.gate import is_shown
from crm.models import Connection, SyncConflict, SyncJob
from crm.services.sync_connections import connection_switch
from crm.services.sync_deciding import jobs_retry

MANAGE = "crm.manage_sync"
LONGEST_KEY = 19


def register() -> None:
    """Called once, when the app starts."""
    for source in (PAUSED, FAILED, DISPUTED):
        source_register(source)


def _paused(_at: datetime) -> Iterator[Problem]:
    if not is_shown():
        return
    for row in Connection.objects.filter(enabled=True).exclude(paused_reason="").order_by("-paused_at"):
        yield Problem(
            key=f"{row.pk}-{int(row.paused_at.timestamp()) if row.paused_at else 0}",
            title=f"Nothing is sent to {row.name} any more",
            cause=f"It does not take our credentials. {row.paused_reason} What changes waits here.",
            since=row.paused_at,
            url=page_of(row),
            urgent=True,
        )


def _go_on(key: str, *, actor: str, at: datetime) -> str:
    row = connection_switch(connection=_connection(key), enabled=True, actor=actor, at=at)
    return f"{row.name} is tried again."


def _failed(_at: datetime) -> Iterator[Problem]:
    """One for each connection, however many of its records failed. A later failure is another problem."""
    if not is_shown():
        return
    rows = SyncJob.objects.filter(state=SyncJob.State.FAILED).order_by().values("connection")
    counted = {
        row["connection"]: row
        for row in rows.annotate(n=Count("pk"), last=Max("pk"), since=Min("created_at"))
    }
    for connection in Connection.objects.filter(pk__in=counted).order_by("-pk"):
        here = counted[connection.pk]
        newest = SyncJob.objects.get(pk=here["last"])
        yield Problem(
            key=f"{connection.pk}-{here['last']}",
            title=f"{here['n']:,} record{'' if here['n'] == 1 else 's'} could not be sent to {connection.name}",
            cause=f"The last: {newest.message}",
            since=here["since"],
            url=f"{reverse('admin:crm_syncjob_changelist')}?state__exact=failed&connection__id__exact={connection.pk}",
        )


def _retry(key: str, *, actor: str, at: datetime) -> str:
    jobs = SyncJob.objects.filter(connection=_connection(key), state=SyncJob.State.FAILED)
    count = jobs_retry(jobs=jobs, actor=actor, at=at)
    return f"{count:,} {'is' if count == 1 else 'are'} sent again."


def _disputed(_at: datetime) -> Iterator[Problem]:
    if not is_shown():
        return
    rows = SyncConflict.objects.filter(resolution="").order_by().values("connection")
    counted = {
        row["connection"]: row for row in rows.annotate(n=Count("pk"), last=Max("pk"), since=Min("at"))
    }
    for connection in Connection.objects.filter(pk__in=counted).order_by("-pk"):
        here = counted[connection.pk]
        yield Problem(
            key=f"{connection.pk}-{here['last']}",
            title=f"{here['n']:,} field{'' if here['n'] == 1 else 's'} changed here and in {connection.name}",
            cause="Nothing is sent or taken in them before somebody decides who is right.",
            since=here["since"],
            url=f"{reverse('admin:crm_syncconflict_changelist')}?connection__id__exact={connection.pk}",
            retryable=False,
        )


PAUSED = Source(
    name="crm-connections",
    title="Outside CRMs that refuse us",
    find=_paused,
    permissions=("crm.view_connection", MANAGE),
    manage=MANAGE,
    retry=_go_on,
)
FAILED = Source(
    name="crm-records",
    title="Records that no outside CRM took",
    find=_failed,
    permissions=("crm.view_syncjob", MANAGE),
    manage=MANAGE,
    retry=_retry,
    retry_label="Send again",
    url=lambda: reverse("admin:crm_syncjob_changelist") + "?state__exact=failed",
)
DISPUTED = Source(
    name="crm-conflicts",
    title="Fields in dispute with an outside CRM",
    find=_disputed,
    permissions=("crm.view_syncconflict", MANAGE),
    manage=MANAGE,
    url=lambda: reverse("admin:crm_syncconflict_changelist"),
)


def _connection(key: str) -> Connection:
    number = key.partition("-")[0]
    if not (number.isascii() and number.isdecimal() and len(number) < LONGEST_KEY):
        raise NotFound
    row = Connection.objects.filter(pk=int(number)).first()
    if row is None:
        raise NotFound("There is no such connection.")
    return row
