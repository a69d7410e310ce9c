"""The rest of the product without the CRM, and a database that had it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.stress, pytest.mark.once]
EVIDENCE = "tests/trials/services/evidence/test_chain.py"
KEY_FILES = (
    "tests/accounts/test_roles.py",
    "tests/accounts/test_role_matrix.py::test_each_role_reaches_what_the_table_says_and_nothing_else[auditor]",
    "tests/accounts/admin/test_accounts.py",
    "tests/accounts/services/test_merging.py",
    "tests/config/test_navigation.py",
    "tests/config/test_beat.py",
    "tests/config/test_attention_sources.py",
    "tests/licenses/services/test_notes.py",
    f"{EVIDENCE}::test_other_channels_say_where_they_are_followed",
    f"{EVIDENCE}::test_a_handoff_is_replaced_and_dropped",
)
"""A part of the suite about what the CRM registers itself with: roles, pages, the account's tab, merging, the menu,
what needs attention, the schedule, evidence. The rest passes without it, too; this is quick.
"""
BEGIN = """
import django; django.setup()
from django.core.management import call_command
from accounts.models import Account
from config.kit.clock import now
by = {"actor": "cli:test", "at": now()}
call_command("migrate", verbosity=0)
"""
WITH = """
from accounts.services.accounts import account_create
from crm.services.people import person_create
person_create(email="ada@acme.example", account=account_create(name="Acme", **by), **by)
"""
WITHOUT = """
from django.apps import apps
from django.test import Client
from accounts.services.accounts import account_delete
from config.celery import schedule
assert not apps.is_installed("crm")
assert not [name for name in schedule() if name.startswith("crm")]
call_command("check")
call_command("makemigrations", check=True, verbosity=0)
account_delete(account=Account.objects.get(slug="acme"), **by)
there = ("/healthz", "/admin/login/", "/api/", "/api/v1/schema")
gone = ("/api/v1/crm/people", "/api/v1/crm/tasks")
for paths, status in ((there, 200), (gone, 404)):
    for path in paths:
        found = Client(headers={"host": "localhost"}).get(path).status_code
        assert found == status, (path, found)
"""
AGAIN = """
call_command("check")
call_command("crm", "replay")
"""


def run(*words: str, data: Path, crm: bool) -> str:
    """Python with these arguments, in an installation with the CRM or without."""
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SIGNET_")},
        "SIGNET_DATA": str(data), "SIGNET_CRM": "true" if crm else "false",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def test_a_part_of_the_suite_passes_without_the_crm(tmp_path):
    """D16: nothing else imports it, so nothing else may need it."""
    told = run(
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        *KEY_FILES,
        data=tmp_path,
        crm=False,
    )
    assert "passed" in told


def test_a_database_goes_without_the_crm_and_with_it_again(tmp_path):
    """D16: it migrates, answers and deletes what rows of the CRM name; those stand there when it comes back."""
    run("-c", BEGIN + WITH, data=tmp_path, crm=True)
    run("-c", BEGIN + WITHOUT, data=tmp_path, crm=False)
    run("-c", BEGIN + AGAIN, data=tmp_path, crm=True)
    with sqlite3.connect(tmp_path / "signet.sqlite3") as database:
        rows = database.execute("SELECT email, account_id FROM crm_person").fetchall()
    database.close()
    assert rows == [("ada@acme.example", None)]
