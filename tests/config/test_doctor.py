"""What the doctor finds, part by part, each beside what makes it well."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from io import StringIO

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from config import doctor, doctor_parts, health
from config.doctor import State, Visit
from config.heartbeat import beat_record
from config.kit.clock import frozen, now
from licenses.domain.enums import Algorithm
from licenses.models import SigningKey
from licenses.services.keys import key_activate, key_generate

DEVELOPMENT = Visit(at=now(), production=False)
PRODUCTION = Visit(at=now(), production=True)
PARTS = dict(doctor_parts.PARTS)


def look(part, visit=DEVELOPMENT):
    (report,) = doctor.examine(visit, [(part, PARTS[part])])
    return report.finding


def run(*arguments):
    """Exit status and output of the command."""
    output = StringIO()
    try:
        call_command("doctor", *arguments, stdout=output)
    except SystemExit as stop:
        return stop.code, output.getvalue()
    return 0, output.getvalue()


# --- E5: what is not set is named --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("part", "setting", "variable"),
    [
        ("bus", "NATS_URL", "SIGNET_NATS_URL"),
        ("stripe", "STRIPE_API_KEY", "SIGNET_STRIPE_API_KEY"),
        ("mail", "EMAIL_URL", "SIGNET_EMAIL_URL"),
    ],
)
def test_production_misses_what_is_not_set_and_names_it(settings, part, setting, variable):
    """E5: a missing part is named."""
    setattr(settings, setting, "")
    found = look(part, PRODUCTION)
    assert (found.state, found.variable) == (State.MISSING, variable)


@pytest.mark.parametrize("part", ["bus", "stripe", "mail"])
def test_what_is_left_out_on_purpose_is_off(settings, part):
    """E5: production runs without a part only when it says so."""
    settings.NATS_URL = settings.STRIPE_API_KEY = settings.EMAIL_URL = ""
    visit = Visit(at=now(), production=True, without=frozenset({part}))
    assert look(part, visit).state is State.OFF


@pytest.mark.parametrize("part", ["bus", "stripe"])
def test_development_needs_no_bus_and_no_stripe(settings, part):
    """E5: reported, and not a failure."""
    settings.NATS_URL = settings.STRIPE_API_KEY = ""
    found = look(part)
    assert found.state is State.NOT_CONFIGURED
    assert found.state not in doctor.BAD


def test_a_key_without_a_webhook_secret_is_half_a_configuration(settings):
    """E5: provider key and webhook secret."""
    settings.STRIPE_API_KEY, settings.STRIPE_WEBHOOK_SECRETS = "sk_test_canary", []
    assert look("stripe", PRODUCTION).variable == "SIGNET_STRIPE_WEBHOOK_SECRETS"


@pytest.mark.parametrize("secret", ["", "short", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"])
def test_a_missing_or_weak_jwt_secret_is_named(settings, secret):
    """E5: JWT secret."""
    settings.INTERNAL_AUTH = {**settings.INTERNAL_AUTH, "secret": secret}
    found = look("internal JWT secret")
    assert found.state in doctor.BAD
    assert found.variable == "SIGNET_INTERNAL_AUTH_SECRET"


def test_the_jwt_secret_of_the_tests_is_good_enough():
    assert look("internal JWT secret").state is State.OK


# --- E5: signing keys --------------------------------------------------------------------------------
@pytest.mark.django_db
def test_without_an_rsa_key_pair_signing_keys_are_missing():
    """E5: at least one RSA key pair; an Ed25519 pair alone does not do."""
    key = key_generate(algorithm=Algorithm.EDDSA, actor="system:test", at=now())
    key_activate(key=key, actor="system:test", at=now())
    assert look("signing keys").state is State.MISSING


def test_an_active_rsa_key_pair_signs_and_verifies(rsa_key):
    found = look("signing keys")
    assert (found.state, rsa_key.kid in found.detail) == (State.OK, True)


def test_a_signing_key_that_does_not_open_fails(rsa_key, settings):
    settings.KEY_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    found = look("signing keys")
    assert (found.state, found.variable) == (State.FAILING, "SIGNET_KEY_ENCRYPTION_KEYS")


def test_halves_of_different_key_pairs_fail(rsa_key):
    other = generate_private_key(65537, 3072).public_key()
    pem = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    SigningKey.objects.filter(pk=rsa_key.pk).update(public_pem=pem)
    assert "do not belong together" in look("signing keys").detail


def test_a_key_in_use_for_long_comes_with_a_hint(rsa_key):
    later = Visit(at=now() + timedelta(days=800), production=True)
    found = look("signing keys", later)
    assert (found.state, "rotation" in found.hint) == (State.OK, True)


# --- the other parts ---------------------------------------------------------------------------------
@pytest.mark.parametrize("keys", [[], ["not-a-fernet-key"]])
def test_a_missing_or_wrong_key_encryption_key_is_named(settings, keys):
    settings.KEY_ENCRYPTION_KEYS = keys
    found = look("key-encryption keys")
    assert found.state in doctor.BAD
    assert found.variable == "SIGNET_KEY_ENCRYPTION_KEYS"


def test_what_the_key_encryption_keys_seal_opens_again():
    assert look("key-encryption keys").state is State.OK


@pytest.mark.django_db
def test_the_database_is_named_with_its_version_and_the_embedded_one_told_apart():
    found = look("database")
    assert found.detail.startswith(connection.display_name)
    assert found.state is (State.EMBEDDED if connection.vendor == "sqlite" else State.OK)


@pytest.mark.django_db
def test_a_missing_migration_fails(db):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'config' AND name = '0003_kept_figures'")
    assert "1 migrations not applied" in look("database").detail


@pytest.mark.django_db
def test_a_database_that_is_gone_fails_and_hides_its_address(monkeypatch):
    def gone(*_):
        raise OperationalError("postgres://signet:hunter2@db")

    monkeypatch.setattr(doctor_parts, "pending_migrations", gone)
    found = look("database")
    assert (found.state, found.variable) == (State.FAILING, "SIGNET_DATABASE_URL")
    assert "hunter2" not in found.detail


@pytest.mark.django_db
def test_one_broken_part_does_not_hide_the_others():
    def broken(_visit):
        raise ValueError("password=hunter2")

    reports = list(doctor.examine(DEVELOPMENT, [("broken", broken), ("disk", PARTS["disk"])]))
    assert [report.finding.state for report in reports] == [State.FAILING, State.OK]
    assert "hunter2" not in reports[0].finding.detail


def test_the_broker_takes_connections(settings):
    embedded = settings.CELERY_BROKER_URL.startswith("signet-sqlite")
    assert look("broker").state is (State.EMBEDDED if embedded else State.OK)


def test_a_broker_that_refuses_fails(monkeypatch):
    def refuse():
        raise ConnectionRefusedError("redis://:hunter2@redis")

    monkeypatch.setattr(doctor_parts, "broker_connect", refuse)
    found = look("broker")
    assert (found.state, "hunter2" in found.detail) == (State.FAILING, False)


def test_without_a_worker_nobody_answers():
    assert look("worker").detail == "none answers"


@pytest.mark.django_db
@pytest.mark.parametrize(("seconds", "state"), [(10, State.OK), (119, State.OK), (121, State.FAILING)])
def test_a_beat_is_late_after_two_minutes(seconds, state):
    beat_record(at=now() - timedelta(seconds=seconds))
    assert look("beat", Visit(at=now(), production=True)).state is state


@pytest.mark.django_db
def test_a_beat_that_never_ran_fails():
    assert look("beat").detail == "never ran"


@pytest.mark.django_db
@pytest.mark.parametrize(("minutes", "state"), [(0, State.OK), (10, State.FAILING), (-10, State.FAILING)])
def test_a_clock_ten_minutes_off_fails(minutes, state):
    with frozen(now() + timedelta(minutes=minutes)):
        assert look("clock", Visit(at=now(), production=True)).state is state


def test_a_full_disk_fails(monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**12, 10**12, 10**6))
    assert look("disk").state is State.FAILING


def test_a_folder_that_is_not_there_fails(settings, tmp_path):
    settings.DATA_DIR = tmp_path / "gone"
    assert look("disk").variable == "SIGNET_DATA"


def test_mail_in_files_is_embedded(settings, tmp_path):
    settings.EMAIL_URL, settings.EMAIL_FILE_PATH = "", str(tmp_path / "mail")
    assert look("mail").state is State.EMBEDDED
    assert (tmp_path / "mail").is_dir()


def test_the_cache_of_each_process_is_told_apart(settings):
    settings.REDIS_URL = ""
    found = look("cache", PRODUCTION)
    assert (found.state, "apart" in found.hint) == (State.EMBEDDED, True)


def test_no_bind_address_is_missing(settings):
    """E5: bind address."""
    settings.BIND = ""
    assert look("bind address").variable == "SIGNET_BIND"


# --- the command -------------------------------------------------------------------------------------
def test_all_well_exits_with_zero(tmp_path):
    status, output = run("--only", "disk", "--only", "key-encryption keys")
    assert (status, output.splitlines()[-1]) == (0, "All is well.")


def test_a_bad_part_exits_with_one_and_says_what_to_do(settings):
    """E5: the check command exits non-zero."""
    settings.KEY_ENCRYPTION_KEYS = []
    status, output = run("--only", "key-encryption keys")
    assert status == 1
    assert "-> Set SIGNET_KEY_ENCRYPTION_KEYS." in output


def test_machines_get_one_json_object(settings):
    settings.KEY_ENCRYPTION_KEYS = []
    status, output = run("--json", "--only", "key-encryption keys", "--only", "disk")
    answer = json.loads(output)
    assert (status, answer["ok"]) == (1, False)
    assert [part["state"] for part in answer["parts"]] == ["missing", "ok"]


def test_a_part_that_does_not_exist_is_wrong_usage():
    with pytest.raises(CommandError, match="Parts: bind address, database") as refusal:
        call_command("doctor", "--only", "nonsense")
    assert refusal.value.returncode == 2


@pytest.mark.django_db
def test_the_table_is_aligned_and_shows_no_secret(settings):
    settings.STRIPE_API_KEY = "sk_test_51Canary"
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_canary"]
    _, output = run()
    rows = [line for line in output.splitlines() if line.startswith(tuple(PARTS))]
    assert len(rows) == len(PARTS)
    secrets = ["sk_test_51Canary", "whsec_canary", settings.SECRET_KEY, *settings.KEY_ENCRYPTION_KEYS]
    assert not [secret for secret in secrets if secret in output]


def test_readiness_and_doctor_ask_the_broker_in_one_way():
    assert doctor_parts.broker_connect is health.broker_connect
