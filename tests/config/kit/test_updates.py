"""Many rows written in one statement, on whatever database the suite runs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import Account
from config.kit.updates import update_rows


@pytest.mark.django_db
def test_each_row_gets_its_own_values_and_no_other_field_changes(make_account, at):
    rows = [make_account(slug=f"acme-{number}") for number in range(3)]
    named = [row.name for row in rows]
    for number, row in enumerate(rows[:2]):
        row.crm_ref, row.name = f"crm {number}, {{'\"", "not written"
        row.merged_at = at + timedelta(days=number) if number else None
    update_rows(rows[:2], ["crm_ref", "merged_at"])
    stored = Account.objects.order_by("pk")
    assert list(stored.values_list("crm_ref", "merged_at")) == [
        ("crm 0, {'\"", None),
        ("crm 1, {'\"", at + timedelta(days=1)),
        ("", None),
    ]
    assert [row.name for row in stored] == named


@pytest.mark.django_db
def test_no_rows_are_no_statement(django_assert_num_queries):
    with django_assert_num_queries(0):
        update_rows([], ["crm_ref"])
