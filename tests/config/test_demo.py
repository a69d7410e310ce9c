"""Made-up licenses: as many as asked for, as the services would leave them, and marked as what they are."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Account
from config.demo import demo_seed
from history.models import Event
from licenses.domain.enums import Kind
from licenses.models import Installation, Issuance, License
from licenses.postures import posture_at

pytestmark = pytest.mark.django_db


def run(*arguments):
    out = StringIO()
    call_command("demo", "seed", *arguments, stdout=out)
    return out.getvalue()


def drawn(licenses):
    return list(licenses.order_by("pk").values_list("kind", "status", "expires_at", "quantity", "comment"))


def test_as_many_rows_are_made_as_asked_for(at):
    made = demo_seed(licenses=300, accounts=20, at=at)
    assert (made.accounts, made.licenses) == (20, 300)
    assert (Account.objects.count(), License.objects.count()) == (20, 300)
    assert Installation.objects.count() == made.installations > 0


def test_one_account_for_ten_licenses_unless_told(at):
    assert demo_seed(licenses=50, at=at).accounts == 5


def test_all_kinds_and_statuses_occur_and_internal_ones(at):
    """D2, D4"""
    demo_seed(licenses=1000, at=at)
    found = {
        name: set(License.objects.values_list(name, flat=True)) for name in ("kind", "status", "internal")
    }
    assert found["kind"] == {"commercial", "trial", "test"}
    assert found["status"] == {"active", "suspended", "revoked"}
    assert found["internal"] == {True, False}


def test_five_in_a_thousand_end_within_a_month_and_no_others(at):
    demo_seed(licenses=1000, at=at)
    soon = License.objects.filter(expires_at__gte=at, expires_at__lt=at + timedelta(days=30))
    assert soon.count() == 5
    assert set(soon.values_list("kind", "status", "internal")) == {(Kind.COMMERCIAL, "active", False)}


def test_the_posture_of_every_row_is_the_one_of_its_terms(at):
    demo_seed(licenses=300, at=at)
    assert all(row.posture == posture_at(row, at) for row in License.objects.all())


def test_keys_ascend_with_the_date_of_making(at):
    demo_seed(licenses=100, at=at)
    made = list(License.objects.order_by("pk").values_list("created_at", flat=True))
    assert made == sorted(made)
    assert made[-1] < at


def test_seeded_licenses_say_so_and_have_neither_issuance_nor_history(at):
    demo_seed(licenses=20, at=at)
    assert set(License.objects.values_list("origin", flat=True)) == {"demo"}
    assert not Issuance.objects.exists()
    assert not Event.objects.filter(kind__startswith="license.").exists()


def test_the_same_seed_draws_the_same_rows(at):
    demo_seed(licenses=40, at=at)
    first = drawn(License.objects.all())
    newest = License.objects.order_by("-pk").first().pk
    demo_seed(licenses=40, at=at)
    assert drawn(License.objects.filter(pk__gt=newest)) == first


def test_a_second_run_adds_more_and_makes_the_catalogue_once(at):
    demo_seed(licenses=20, at=at)
    demo_seed(licenses=20, at=at, seed=2)
    assert License.objects.count() == 40
    assert Event.objects.filter(kind="product.created").count() == 3


def test_the_command_tells_how_far_it_is_and_what_the_rows_lack():
    text = run("--licenses", "30", "--accounts", "3")
    assert "30 of 30 licenses" in text
    assert "Made 3 accounts, 30 licenses" in text
    assert "no issuance and no history" in text


def test_production_refuses_unless_told_twice(settings):
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="production"):
        run("--licenses", "5")
    run("--licenses", "5", "--yes")
    assert License.objects.count() == 5


@pytest.mark.parametrize("number", ["0", "-3", "many"])
def test_a_number_that_is_none_is_wrong_usage(number):
    with pytest.raises(CommandError):
        run("--licenses", number)
