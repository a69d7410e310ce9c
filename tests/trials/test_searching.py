"""Finding trials and requests among very many."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.models import Model
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Account
from config.kit.trigrams import indexes_ensure
from trials.models import Trial, TrialRequest
from trials.searching import requests_like, touch_value, touch_word, trials_like

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("term", ["ada@", "ADA@initech", "initech.ex", "lovel", "Initech", "ini", " ad "])
def test_a_trial_is_found_by_any_piece_of_who_asked(program, ask, term):
    """D10: address, name and account, in any case; two letters have to begin it."""
    ask(program, "bob@hooli.example", name="Bob", company="Hooli")
    mine = ask(program, name="Ada Lovelace", company="Initech").granted.trial
    assert list(trials_like(Trial.objects.all(), term)) == [mine]
    assert TrialRequest.objects.get(trial=mine) in requests_like(TrialRequest.objects.all(), term)


@pytest.mark.parametrize("term", ["da@initech"[:2], "nobody", "%", "_", "\0", "\ud800", "'; --"])
def test_what_cannot_be_there_finds_nothing(program, ask, term):
    ask(program, name="Ada Lovelace", company="Initech")
    assert not trials_like(Trial.objects.all(), term).exists()
    assert not requests_like(TrialRequest.objects.all(), term).exists()


def test_a_request_is_found_by_the_canonical_address(program, ask):
    """A21: staff find the person by whichever spelling they have."""
    row = ask(program, "A.d.a+trial@gmail.com").request
    assert list(requests_like(TrialRequest.objects.all(), "ada@gmail")) == [row]


@given(st.text(alphabet="()ab none", max_size=12).map(str.strip))
def test_every_origin_has_one_word(value):
    """A28: a list counts what its number counted, whatever outsiders call their sources."""
    assert touch_value(touch_word(value)) == value
    assert touch_word(value)


# --- among very many ----------------------------------------------------------------------------------

MANY = 100_000


def copies(row: Model, count: int, **columns: str) -> None:
    """Rows like one that the model made, in one statement; `columns` are expressions over `n`, from 1."""
    table = row._meta.db_table
    names = [field.column for field in row._meta.concrete_fields if not field.primary_key]
    chosen = ", ".join(columns.get(name, f'"{name}"') for name in names)
    listed = ", ".join(f'"{name}"' for name in names)
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO "{table}" ({listed}) SELECT {chosen} FROM "{table}", generate_series(1, %s) AS n'
            " WHERE id = %s",
            [count, row.pk],
        )
        cursor.execute(f'ANALYZE "{table}"')


@pytest.fixture
def many(program, ask):
    """As many trials and requests, a hundred an account; every one has an address of its own."""
    asked = ask(program, "ada@initech.example", name="Ada Lovelace", company="Initech")
    trial, account = asked.granted.trial, asked.granted.trial.account
    with connection.cursor() as cursor:  # made again over all rows: much quicker than row by row
        cursor.execute("DROP INDEX trial_search, trial_request_search")
    uid, email = "gen_random_uuid()", "'visitor' || n || '@company' || n || '.example'"
    copies(
        account, MANY // 100, uid=uid, slug="'company-' || n", customer_id="'C-' || n", name="'Company ' || n"
    )
    newest = Account.objects.order_by("-pk").values_list("pk", flat=True)[0]
    owner = f"{newest} - mod(n, {MANY // 100})"
    copies(
        trial,
        MANY,
        uid=uid,
        account_id=owner,
        email=email,
        name="''",
        outcome="'expired'",
        ended_at="ends_at",
    )
    copies(
        asked.request, MANY, uid=uid, account_id="NULL", trial_id="NULL", email=email, address=email,
        name="''", company="'Company ' || n",
    )  # fmt: skip
    connection.check_constraints()  # an index is not made over rows that are still to be checked
    assert indexes_ensure(connection) == []
    return trial


@pytest.mark.postgres
def test_among_a_hundred_thousand_a_search_reads_an_index(many):
    """D10: what it reads is a handful of rows by their indexes, never a table."""
    assert Trial.objects.count() == TrialRequest.objects.count() == MANY + 1
    found = {
        "trial_search": (trials_like(Trial.objects.all(), "lovelace"), [many.pk]),
        "trial_request_search": (requests_like(TrialRequest.objects.all(), "initech"), None),
    }
    for index, (rows, expected) in found.items():
        plan = rows.explain()
        assert index in plan, plan
        assert "Seq Scan on trials_" not in plan, plan
        assert list(rows.values_list("pk", flat=True)) == (
            expected or [TrialRequest.objects.get(trial=many).pk]
        )
