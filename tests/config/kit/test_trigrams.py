"""Indexes for "contains" on PostgreSQL: there after every migration, used, and nowhere needed."""

from __future__ import annotations

import subprocess
import sys
import uuid

import pytest
from django.db import connection

from accounts.searching import accounts_like
from config.doctor import State, Visit
from config.doctor_parts import search
from config.kit.clock import now
from config.kit.trigrams import indexes_ensure, indexes_missing
from licenses.models import License

pytestmark = pytest.mark.django_db
NAMES = {"account_search", "license_search"}
"""Other rooms may have more."""


def look():
    return search(Visit(at=now(), production=True))


def plan_of(queryset):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    return queryset.explain()


@pytest.fixture
def without():
    """A database in which nobody allowed the extension yet."""
    with connection.cursor() as cursor:
        cursor.execute("DROP EXTENSION pg_trgm CASCADE")


@pytest.mark.postgres
def test_after_migrating_the_indexes_are_there():
    assert indexes_missing(connection) == []
    assert look().state is State.OK


@pytest.mark.postgres
@pytest.mark.parametrize("term", ["robot", "ro"])
def test_a_piece_of_a_name_is_found_by_the_index(term):
    assert "account_search" in plan_of(accounts_like(term))


@pytest.mark.postgres
def test_a_piece_of_a_comment_is_found_by_the_index():
    assert "license_search" in plan_of(
        License.objects.exclude(comment="").filter(comment__icontains="po 4711")
    )


@pytest.mark.postgres
def test_what_is_missing_is_made_again(without):
    assert set(indexes_missing(connection)) >= NAMES
    assert indexes_ensure(connection) == []
    assert indexes_missing(connection) == []


@pytest.mark.postgres
def test_where_the_extension_is_refused_all_works_and_the_doctor_says_what_to_do(without, make_account):
    account, role = make_account("Acme Robotics"), f"nobody_{uuid.uuid4().hex}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {role}")
        cursor.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
        cursor.execute(f"SET LOCAL ROLE {role}")
    assert set(indexes_ensure(connection)) >= NAMES
    assert list(accounts_like("robot")) == [account]
    assert look().state is State.NOT_CONFIGURED
    assert "CREATE EXTENSION pg_trgm" in look().hint


def test_elsewhere_there_is_nothing_to_make(make_account):
    account = make_account("Acme Robotics")
    assert indexes_ensure(connection) == []
    assert list(accounts_like("ROBOT")) == [account]


def test_every_index_is_known_to_a_process_that_has_searched_nothing():
    """A migration without checks imports no admin, and must make them all the same."""
    code = (
        "import django; django.setup(); from config.kit.trigrams import indexes_registered as r; print(*r())"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert set(out.split()) >= NAMES | {"person_search", "message_search", "trial_search"}
