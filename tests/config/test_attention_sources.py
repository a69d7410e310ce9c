"""What the lower rooms and the installation find that needs attention."""

from __future__ import annotations

from datetime import timedelta

import pytest

from config import attention_sources as sources
from config.attention import look, problem_retry
from config.heartbeat import beat_record
from config.kit import attention as registry
from history.models import Event, ParkedEvent
from history.services import reader_register, sequence
from history.services.feed import ATTEMPTS, reader_run, reader_unregister
from licenses.domain.enums import Algorithm
from licenses.models import Job, JobRow
from licenses.services.issuing import license_issue
from licenses.services.keys import key_activate, key_generate, key_retire, key_revoke, key_rotate
from tests.licenses.conftest import *  # noqa: F403 - keys and licenses to have problems with

pytestmark = pytest.mark.django_db
BY = {"actor": "user:1"}
SIGN = {**BY, "channel": "admin", "format": "lic1"}


def found(source, at):
    return {problem.key: problem for problem in look(source, at=at).problems}


def test_every_source_is_registered_with_names_of_its_own():
    names = [source.name for source in registry.sources()]
    assert {"system", "keys", "parked", "jobs", "mail", "webhooks", "webhook-endpoints"} <= set(names)
    assert len(names) == len(set(names))


def test_every_permission_that_a_source_names_exists(db):
    """A misspelt one would show the source to superadmins only."""
    from django.contrib.auth.models import Permission

    rows = Permission.objects.values_list("content_type__app_label", "codename")
    known = {f"{app}.{name}" for app, name in rows}
    for source in registry.sources():
        assert {*source.permissions, *filter(None, [source.manage])} <= known, source.name


def test_every_address_of_a_source_leads_to_a_page(signed_in, superadmin, crm_shown):
    browser = signed_in(superadmin)
    for source in registry.sources():
        if source.url and source.url():
            assert browser.get(source.url()).status_code == 200, source.name


# --- the installation -------------------------------------------------------------------------------


@pytest.fixture
def healthy(at, rsa_key):
    beat_record(at=at)


def test_a_healthy_installation_has_no_problem(healthy, at):
    assert found(sources.SYSTEM, at) == {}


def test_a_stale_beat_is_told_with_its_last_tick(healthy, at):
    """Needs attention: stale beat."""
    problem = found(sources.SYSTEM, at + timedelta(minutes=10))["beat"]
    assert (problem.since, problem.urgent) == (at, True)
    assert "Mail, webhooks, postures and sweeps wait" in problem.cause


def test_a_beat_that_never_ran_is_told(rsa_key, superadmin, at):
    opened = min(Event.objects.values_list("at", flat=True))
    assert "beat" not in found(sources.SYSTEM, opened + timedelta(minutes=1))  # it is only starting
    assert "Never ran." in found(sources.SYSTEM, opened + timedelta(minutes=2))["beat"].cause


def test_no_active_key_is_told(at):
    """Needs attention: no active key."""
    beat_record(at=at)
    assert "No active RSA key pair." in found(sources.SYSTEM, at)["signing-keys"].cause


def test_a_broker_that_is_down_is_told(healthy, at, monkeypatch):
    monkeypatch.setattr("config.doctor_parts.broker_connect", lambda: (_ for _ in ()).throw(OSError("down")))
    assert "late, not lost" in found(sources.SYSTEM, at)["broker"].cause


def test_what_cannot_be_unsealed_is_told_without_a_secret(healthy, at, settings):
    settings.KEY_ENCRYPTION_KEYS = ["hush-hush-hush"]
    shown = found(sources.SYSTEM, at)
    assert "key-encryption-keys" in shown
    assert "hush" not in str(shown)


# --- signing keys -----------------------------------------------------------------------------------


def test_a_staged_key_that_was_forgotten(ed_key, at):
    """Needs attention: keys near the end of their life."""
    key = key_generate(algorithm=Algorithm.EDDSA, **BY, at=at)
    assert found(sources.KEYS, at + timedelta(days=7)) == {}
    problem = found(sources.KEYS, at + timedelta(days=8))[f"staged-{key.kid}"]
    assert (problem.since, problem.urgent) == (at, False)


def test_an_active_key_of_over_two_years(ed_key, at):
    assert f"old-{ed_key.kid}" in found(sources.KEYS, at + timedelta(days=731))


@pytest.fixture
def signed(make_license, ed_key, at):
    """A license whose newest key is that of `ed_key`."""
    row = make_license()
    license_issue(license=row, **SIGN, at=at)
    return row


def test_a_revoked_key_with_live_licenses(signed, ed_key, at):
    key_revoke(key=ed_key, reason="leaked", force=True, **BY, at=at)
    problem = found(sources.KEYS, at)[f"revoked-{ed_key.kid}"]
    assert problem.urgent
    assert "Online validation refuses them." in problem.cause


def test_a_revoked_key_is_forgotten_when_everything_is_signed_anew(signed, ed_key, at):
    key_revoke(key=ed_key, reason="leaked", force=True, **BY, at=at)
    key_activate(key=key_generate(algorithm=Algorithm.EDDSA, **BY, at=at), force=True, **BY, at=at)
    license_issue(license=signed, **SIGN, at=at)
    assert found(sources.KEYS, at) == {}


def test_a_retired_key_is_a_problem_after_half_a_year_only(signed, ed_key, at):
    """Right after a rotation every license is signed with the retired key: that is as it should be."""
    key_rotate(algorithm=Algorithm.EDDSA, force=True, **BY, at=at)
    assert found(sources.KEYS, at + timedelta(days=179)) == {}
    assert f"retired-{ed_key.kid}" in found(sources.KEYS, at + timedelta(days=180))


def test_a_retired_key_without_licenses_is_none(ed_key, at):
    key_retire(key=ed_key, **BY, at=at)
    assert found(sources.KEYS, at + timedelta(days=400)) == {}


# --- readers and jobs -------------------------------------------------------------------------------


@pytest.fixture
def parked(at, monkeypatch):
    """An event that a reader gave up on, which would handle it now."""
    from django.db import transaction

    from history.services import record

    state = {"down": True}

    def handle(event, *, at):
        if state["down"]:
            raise RuntimeError("down\nsecond line")

    reader_register("stubborn", handle)
    with transaction.atomic():
        record(kind="license.issued", subject="license:L-1", actor="user:1", data={}, at=at)
    sequence(at=at)
    for _ in range(ATTEMPTS):
        reader_run("stubborn", at=at)
    state["down"] = False
    yield ParkedEvent.objects.get()
    reader_unregister("stubborn")


def test_a_parked_event_is_told_and_run_again(parked, at):
    """Needs attention: parked events, with a retry."""
    (problem,) = found(sources.PARKED, at).values()
    assert "license.issued of license:L-1" in problem.title
    assert "RuntimeError: down" in problem.cause
    assert "second line" not in problem.cause
    said = problem_retry(source=sources.PARKED, key=problem.key, **BY, at=at)
    assert "handled by “stubborn”" in said
    assert found(sources.PARKED, at) == {}


def test_a_failed_job_is_told_and_goes_on(at):
    """Needs attention: failed jobs."""
    job = Job.objects.create(
        kind="generate",
        state="failed",
        error="No key signs.",
        created_by="user:1",
        started_at=at,
        ended_at=at,
        beat_at=at,
    )
    JobRow.objects.create(job=job, number=1)
    (problem,) = found(sources.JOBS, at).values()
    assert (problem.cause, problem.since) == ("No key signs.", at)
    problem_retry(source=sources.JOBS, key=problem.key, **BY, at=at)
    job.refresh_from_db()
    assert (job.state, Event.objects.latest("id").kind) == ("waiting", "job.started")


def test_a_failed_check_is_made_again(at):
    """Needs attention: before anything was started there is nothing to go on with."""
    job = Job.objects.create(
        kind="generate", state="failed", error="x", created_by="user:1", beat_at=at, total=9_999
    )
    (problem,) = found(sources.JOBS, at).values()
    assert problem_retry(source=sources.JOBS, key=problem.key, **BY, at=at) == "Its rows are checked again."
    job.refresh_from_db()
    assert (job.state, job.error) == ("checking", "")
    (stalled,) = found(sources.JOBS, at + timedelta(minutes=11)).values()
    assert "does not go on" in stalled.title


def test_a_job_that_nobody_works_on_is_told(at):
    Job.objects.create(kind="generate", state="running", created_by="user:1", started_at=at, beat_at=at)
    assert found(sources.JOBS, at + timedelta(minutes=5)) == {}
    (problem,) = found(sources.JOBS, at + timedelta(minutes=11)).values()
    assert (problem.since, problem.retryable) == (at, False)


@pytest.mark.parametrize("source", [sources.PARKED, sources.JOBS])
@pytest.mark.parametrize("key", ["", "x", "9" * 30, "-1", "999"])
def test_a_key_of_nothing_is_refused(source, key, at):
    from config.kit.errors import Refusal

    with pytest.raises(Refusal):
        problem_retry(source=source, key=key, **BY, at=at)
