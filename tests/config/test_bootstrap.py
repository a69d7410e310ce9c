"""The first start, the second, and two at once."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Account, User
from accounts.services.accounts import account_create
from config.bootstrap import bootstrap, demo_load
from config.kit.clock import now
from history.models import CheckpointKey, Event
from licenses.domain.enums import Algorithm, KeyState, Kind
from licenses.models import License, Plan, Preset, Product, SigningKey
from licenses.services.issuing import license_grant
from licenses.services.keys import key_retire
from notifications.models import ExpiryDigest

ROOT = Path(__file__).resolve().parents[2]
ADMIN = "admin@signet.localhost"


def run(*arguments):
    output = StringIO()
    call_command("bootstrap", *arguments, stdout=output)
    return output.getvalue()


def password_in(output):
    found = re.search(r"Password  (\S{23}) ", output)
    return found and found[1]


@pytest.fixture
def first_start(rsa_key):
    """Its output. Making an RSA key takes long: that one is there already."""
    return run()


def test_the_first_start_makes_active_keys_of_both_algorithms_and_a_checkpoint_key(db):
    run()
    states = dict(SigningKey.objects.values_list("algorithm", "state"))
    assert states == {Algorithm.RS256: KeyState.ACTIVE, Algorithm.EDDSA: KeyState.ACTIVE}
    assert CheckpointKey.objects.count() == 1


def test_the_demo_has_the_catalogue_that_the_readme_speaks_of(first_start):
    trial = Plan.objects.get(product__product_key="demo", slug="trial")
    assert set(Plan.objects.values_list("slug", flat=True)) == {"community", "trial", "enterprise"}
    assert (trial.edition, trial.kind, trial.duration_days) == ("enterprise", Kind.TRIAL, 30)
    assert (trial.seats, trial.nodes, trial.grace_days) == (10, 1, 3)
    assert dict(Account.objects.values_list("slug", "kind")) == {"acme": "customer", "globex": "prospect"}


def test_the_demo_can_be_tried_at_once(first_start, client):
    """A22, E21: by naming the product alone, without a key; the hosted page is open."""
    body = {"email": "kim@initech.example", "product_key": "demo"}
    assert client.post("/api/v1/trials", body, "application/json").status_code == 202
    cut = License.objects.get()
    assert (cut.edition, cut.seats, cut.nodes, cut.kind) == ("enterprise", 10, 1, Kind.TRIAL)
    assert client.get("/trial/demo").status_code == 200


def test_the_first_preset_is_the_quick_test_key(first_start):
    """D8: 30 days, 1 seat, 1 node, kind test."""
    preset = Preset.objects.order_by("position").first()
    assert preset.kind == Kind.TEST
    assert preset.defaults == {"days": 30, "seats": 1, "nodes": 1}


@pytest.mark.parametrize("position", [0, 1, 2])
def test_every_preset_gives_a_license(first_start, position):
    preset = Preset.objects.get(position=position)
    granted = license_grant(
        account=Account.objects.get(slug="acme"),
        plan=preset.plan,
        terms=preset.defaults,
        kind=Kind(preset.kind),
        origin="staff",
        channel="admin",
        actor="system:test",
        at=now(),
    )
    assert granted.license.kind == Kind.TEST


def test_the_printed_password_opens_the_admin(first_start, client):
    assert f"Log in as {ADMIN}" in first_start
    assert client.login(username=ADMIN, password=password_in(first_start))
    assert User.objects.get(email=ADMIN).is_superuser


def test_a_second_start_changes_nothing_and_prints_no_password(first_start):
    before = Event.objects.count()
    second = run()
    assert Event.objects.count() == before
    assert password_in(second) is None
    assert f"changepassword {ADMIN}" in second


def test_passwords_of_two_installations_differ(rsa_key):
    first = password_in(run())
    User.objects.all().delete()
    assert password_in(run()) not in {None, first}


def test_everything_that_was_made_stands_in_the_history(first_start):
    kinds = set(Event.objects.filter(actor="system:bootstrap").values_list("kind", flat=True))
    assert {"key.staged", "key.activated", "product.created", "plan.created"} <= kinds
    assert {"account.created", "user.created"} <= kinds


def test_a_database_that_is_not_empty_gets_no_demo(db):
    account_create(name="Initech", actor="system:test", at=now())
    assert demo_load(at=now()) == []
    assert not Product.objects.exists()


def test_the_demo_can_be_declined(rsa_key):
    run("--no-demo")
    assert not Product.objects.exists()
    assert SigningKey.objects.count() == 2


@pytest.mark.own_license
def test_a_bad_key_of_our_own_stops_no_start(rsa_key, settings):
    """C2, E27: the guard shuts the catalogue, so the demo is left out; everything else is done."""
    settings.SELF_LICENSE = "no license"
    assert "guard invalid" in run("--no-demo")
    again = run()
    assert "Left the demo out." in again
    assert "guard invalid" in again
    assert not Product.objects.exists()


def test_a_key_that_staff_retired_is_not_replaced(first_start):
    key = SigningKey.objects.get(algorithm=Algorithm.EDDSA)
    key_retire(key=key, actor="user:1", at=now(), force=True)
    run()
    assert SigningKey.objects.filter(algorithm=Algorithm.EDDSA).count() == 1


def test_production_refuses_the_demo(db, settings):
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="no place in production"):
        run("--demo")


def test_production_gets_keys_and_neither_demo_nor_a_default_superadmin(rsa_key, settings):
    settings.PRODUCTION = True
    output = run()
    assert SigningKey.objects.count() == 2
    assert not Product.objects.exists()
    assert not User.objects.exists()
    assert "Nobody can log in yet" in output


def test_production_makes_the_superadmin_that_is_named(rsa_key, settings):
    settings.PRODUCTION = True
    output = run("--admin", "Ops@Example.com")
    assert User.objects.get().email == "ops@example.com"
    assert password_in(output)


def test_the_superadmin_receives_the_daily_expiry_digest(first_start):
    """D13: a mail once a day, without anybody having to set it up."""
    digest = ExpiryDigest.objects.get()
    assert (digest.name, digest.enabled, digest.recipients) == ("Daily expiry digest", True, [ADMIN])
    assert f"Set up the daily expiry digest for {ADMIN}." in first_start


def test_a_digest_set_up_before_there_was_anybody_goes_to_the_first_superadmin(rsa_key, settings):
    settings.PRODUCTION = True
    assert "Set up the daily expiry digest for nobody yet." in run()
    assert "ops@example.com receives the expiry digest" in run("--admin", "ops@example.com")
    assert ExpiryDigest.objects.get().recipients == ["ops@example.com"]


def test_recipients_that_staff_removed_stay_removed(first_start):
    ExpiryDigest.objects.update(recipients=[])
    run()
    assert ExpiryDigest.objects.get().recipients == []


def test_a_nonsense_address_is_refused(rsa_key):
    with pytest.raises(CommandError):
        run("--admin", "nonsense")


def test_the_password_is_in_no_representation(rsa_key):
    outcome = bootstrap(at=now(), demo=False, admin_email=ADMIN, say=lambda _: None)
    assert outcome.password
    assert outcome.password not in repr(outcome)


@pytest.mark.stress
def test_two_first_starts_at_once_make_one_of_everything(tmp_path):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SIGNET_", "DJANGO_"))}
    environment |= {"SIGNET_DATA": str(tmp_path)}
    command = [sys.executable, "manage.py", "bootstrap"]
    starts = [
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    outputs = [start.communicate(timeout=120) for start in starts]
    assert [start.returncode for start in starts] == [0, 0], outputs
    assert sum(password_in(out) is not None for out, _ in outputs) == 1
    with sqlite3.connect(tmp_path / "signet.sqlite3") as database:
        counts = [
            database.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            for name in ("licenses_signingkey", "licenses_plan", "accounts_account", "accounts_user")
        ]
    database.close()
    assert counts == [2, 3, 2, 1]
