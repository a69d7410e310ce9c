"""Sources of "Needs attention" of the lower rooms and of the installation itself. Upper rooms register theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.cache import cache
from django.db.models import Exists, OuterRef, Q
from django.urls import NoReverseMatch, reverse

from config import doctor, doctor_parts, health
from config.doctor import Check, Finding, State, Visit
from config.heartbeat import LATE, beat_age
from config.kit.attention import Problem, Source, source_register
from config.kit.errors import NotFound
from config.redaction import redact_text
from history.models import Event, ParkedEvent
from history.services import parked_rerun
from licenses.domain.enums import KeyState, LicenseStatus, Posture
from licenses.models import Issuance, Job, SigningKey
from licenses.services.job_checks import job_recheck
from licenses.services.jobs import job_continue

STAGED_FOR = timedelta(days=7)
"""A key that could sign for so long and does not was forgotten."""
RETIRED_FOR = timedelta(days=180)
"""A key that signs no more for so long should have nothing left to verify."""
STALLED = timedelta(minutes=10)
"""A job whose worker was not heard of for so long, although the sweep takes such jobs up every minute."""
NONE_LEFT_SECONDS = 600
LONGEST = 400


def register() -> None:
    """Called once, when the composition starts."""
    for source in (SYSTEM, KEYS, PARKED, JOBS):
        source_register(source)


# --- the installation ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Part:
    """A part that `doctor` looks at cheaply, and what it means to people when it fails."""

    name: str
    check: Check
    title: str
    means: str
    since: Callable[[datetime], datetime | None] = lambda _at: None


def _last_tick(at: datetime) -> datetime | None:
    age = beat_age(at=at)
    return None if age is None else at - age


def _beat(visit: Visit) -> Finding:
    """Of an office that was opened this moment nobody has to see to anything yet."""
    finding = doctor_parts.beat(visit)
    opened_at = Event.objects.order_by("pk").values_list("at", flat=True).first()
    if beat_age(at=visit.at) is None and opened_at is not None and visit.at - opened_at < LATE:
        return Finding(State.OK, "starting")
    return finding


def _migrations(_visit: Visit) -> Finding:
    try:
        health.check_migrations()
    except health.NotReadyPart as problem:
        return Finding(State.FAILING, f"Migrations: {problem}.", hint="Run `manage.py migrate`.")
    return Finding(State.OK, "all applied")


PARTS = (
    _Part(
        "beat", _beat, "Nothing is done by the clock",
        "Mail, webhooks, postures and sweeps wait until beat and a worker run again.", _last_tick,
    ),
    _Part(
        "broker", doctor_parts.broker, "The broker cannot be reached",
        "Work is late, not lost: it is done when the broker is back.",
    ),
    _Part(
        "migrations", _migrations, "The database is of an older version",
        "Pages that need the new tables fail until it is brought up to date.",
    ),
    _Part(
        "signing-keys", doctor_parts.signing_keys, "Licenses may not be signed",
        "Issuing and renewing answer 503 where no key signs.",
    ),
    _Part(
        "key-encryption-keys", doctor_parts.key_encryption_keys, "What is sealed cannot be opened",
        "Signing keys, kept licenses, mail and webhook secrets stay closed.",
    ),
    _Part(
        "cache", doctor_parts.shared_cache, "The cache does not answer",
        "Trials and logins are refused, because nobody can count how many there are.",
    ),
    _Part(
        "clock", doctor_parts.clock, "The clocks disagree",
        "Licenses expire by this machine's clock: a wrong one is wrong about them.",
    ),
    _Part("disk", doctor_parts.disk, "The disk is full, or nearly", "A full disk stops issuing."),
)  # fmt: skip


def _system(at: datetime) -> Iterator[Problem]:
    visit = Visit(at=at, production=settings.PRODUCTION, without=settings.WITHOUT)
    parts = {part.name: part for part in PARTS}
    for report in doctor.examine(visit, ((part.name, part.check) for part in PARTS)):
        if report.is_bad:
            part, found = parts[report.part], report.finding
            yield Problem(
                key=part.name,
                title=part.title,
                cause=" ".join(
                    text for text in (part.means, f"{_sentence(found.detail)}", found.hint) if text
                ),
                since=part.since(at),
                urgent=True,
            )


SYSTEM = Source(
    name="system",
    title="The installation",
    find=_system,
    permissions=("history.view_reader", "licenses.view_signingkey"),
    lasting=True,
)


# --- signing keys -------------------------------------------------------------------------------------


def _keys(at: datetime) -> Iterator[Problem]:
    published = at - timedelta(seconds=settings.KEY_PUBLISH_AHEAD_SECONDS)
    wanted = (
        Q(state=KeyState.STAGED, staged_at__lte=published - STAGED_FOR)
        | Q(state=KeyState.ACTIVE, activated_at__lte=at - doctor_parts.OLD_KEY)
        | Q(state=KeyState.RETIRED, retired_at__lte=at - RETIRED_FOR)
        | Q(state=KeyState.REVOKED)
    )
    rows = SigningKey.objects.filter(wanted).select_related("product").defer("private_sealed").order_by("-pk")
    for key in rows:
        problem = _key_problem(key)
        if problem is not None:
            yield problem


def _key_problem(key: SigningKey) -> Problem | None:
    place = key.product.name if key.product else "every product without a key of its own"
    if key.state == KeyState.STAGED:
        return _of_key(
            key, "staged", key.staged_at, "waits to be activated",
            f"It has been published for {place} long enough and does not sign. Activate it, or revoke it.",
        )  # fmt: skip
    if key.state == KeyState.ACTIVE:
        return _of_key(
            key, "old", key.activated_at, "has signed for over two years",
            f"It signs for {place}. Rotate: stage its successor, and let it take over.",
        )  # fmt: skip
    if not _is_needed(key):
        return None
    if key.state == KeyState.RETIRED:
        return _of_key(
            key, "retired", key.retired_at, "is retired and still needed",
            "Live licenses are signed with it and with nothing newer. Renew or re-issue them before it goes.",
        )  # fmt: skip
    under_way = (
        " They are being signed anew." if key.replace else " Sign them anew with the key that is active."
    )
    return _of_key(
        key, "revoked", key.revoked_at, "is revoked, and live licenses depend on it",
        f"Online validation refuses them.{under_way}", urgent=True,
    )  # fmt: skip


def _of_key(
    key: SigningKey, word: str, since: datetime | None, says: str, cause: str, *, urgent: bool = False
) -> Problem:
    return Problem(
        key=f"{word}-{key.kid}",
        title=f"Signing key {key.kid} {says}",
        cause=cause,
        since=since,
        url=_page("licenses_signingkey_change", key.pk),
        urgent=urgent,
    )


def _is_needed(key: SigningKey) -> bool:
    """Whether a live license was signed with this key last. That none was is remembered for some minutes:

    it takes a look at everything that the key signed, and such a key signs no more.
    """
    name = f"attention:no-license-of:{key.pk}"
    if cache.get(name):
        return False
    newer = Issuance.objects.filter(license=OuterRef("license"), pk__gt=OuterRef("pk"))
    mine = Issuance.objects.filter(signing_key=key, license__status=LicenseStatus.ACTIVE).filter(
        ~Exists(newer)
    )
    needed = mine.exclude(license__posture=Posture.READ_ONLY).exists()
    if not needed:
        cache.set(name, 1, timeout=NONE_LEFT_SECONDS)
    return needed


KEYS = Source(
    name="keys",
    title="Signing keys",
    find=_keys,
    permissions=("licenses.view_signingkey", "licenses.rotate_signingkey"),
    manage="licenses.rotate_signingkey",
    url=lambda: _page("licenses_signingkey_changelist"),
)


# --- readers of the history ---------------------------------------------------------------------------


def _parked(_at: datetime) -> Iterator[Problem]:
    rows = ParkedEvent.objects.filter(state=ParkedEvent.State.PARKED).select_related("event")
    for row in rows.order_by("-pk").iterator(chunk_size=100):
        yield Problem(
            key=str(row.pk),
            title=f"{row.event.kind} of {row.event.subject} was not handled by “{row.reader_id}”",
            cause=f"It failed {row.attempts} times. {_line(row.error)}",
            since=row.parked_at,
            url=_page("history_parkedevent_change", row.pk),
        )


def _rerun(key: str, *, actor: str, at: datetime) -> str:
    parked = parked_rerun(parked_id=_number(key), actor=actor, at=at)
    return f"The event was handled by “{parked.reader_id}” now."


PARKED = Source(
    name="parked",
    title="Events that a reader gave up on",
    find=_parked,
    permissions=("history.view_parkedevent",),
    manage="history.rerun_parkedevent",
    retry=_rerun,
    retry_label="Run again",
    url=lambda: f"{_page('history_parkedevent_changelist')}?state__exact={ParkedEvent.State.PARKED}",
)


# --- work over many rows ------------------------------------------------------------------------------


def _jobs(at: datetime) -> Iterator[Problem]:
    open_ones = [Job.State.CHECKING, Job.State.WAITING, Job.State.RUNNING]
    stalled = Q(state__in=open_ones, beat_at__lt=at - STALLED)
    for row in (
        Job.objects.filter(Q(state=Job.State.FAILED) | stalled).order_by("-pk").iterator(chunk_size=100)
    ):
        failed = row.state == Job.State.FAILED
        yield Problem(
            key=f"{row.pk}-{row.state}",
            title=f"{row.get_kind_display().capitalize()} {row.pk} {'failed' if failed else 'does not go on'}",
            cause=_line(row.error)
            if failed
            else "No worker was heard of for a while. One takes it up when it runs.",
            since=row.ended_at if failed else row.beat_at,
            url=_page("licenses_job_change", row.pk),
            retryable=failed,
        )


def _continue(key: str, *, actor: str, at: datetime) -> str:
    job = Job.objects.filter(pk=_number(key.partition("-")[0])).first()
    if job is None:
        raise NotFound
    if job.started_at is None:  # its check failed: there is nothing yet to go on with
        job_recheck(job=job, at=at)
        return "Its rows are checked again."
    job_continue(job=job, actor=actor, at=at)
    return "It goes on where it stopped."


JOBS = Source(
    name="jobs",
    title="Bulk work",
    find=_jobs,
    permissions=("licenses.view_job",),
    manage="licenses.create_commercial",
    retry=_continue,
    retry_label="Go on",
)


def _page(name: str, *args: object) -> str:
    """The address of an admin page; empty where this installation has no such page."""
    try:
        return reverse(f"admin:{name}", args=args)
    except NoReverseMatch:
        return ""


def _number(key: str) -> int:
    if not (key.isascii() and key.isdecimal() and len(key) < 19):  # noqa: PLR2004 - beyond no key
        raise NotFound
    return int(key)


def _line(text: str) -> str:
    """The first line of an error, without what looks like a secret."""
    first = (text.strip().splitlines() or [""])[0]
    return redact_text(first)[:LONGEST]


def _sentence(text: str) -> str:
    text = text.strip()
    return text if not text or text.endswith(".") else f"{text[:1].upper()}{text[1:]}."
