"""Accounts by a piece of what they are called (D5)."""

from __future__ import annotations

import pytest

from accounts.searching import accounts_like, accounts_of_email

pytestmark = pytest.mark.django_db


@pytest.fixture
def robots(make_account):
    return make_account("Silverline Robotics", slug="silverline", email="Ops@Silverline.example")


@pytest.mark.parametrize(
    "text", ["robot", "ROBOT", " line rob ", "silverline", "verlin", "si", "S", "ops@silver"]
)
def test_a_piece_of_name_slug_or_address_finds_the_account(robots, make_account, text):
    """D5"""
    make_account("Globex")
    assert list(accounts_like(text)) == [robots]


def test_the_customer_id_finds_the_account_in_any_case(robots):
    """D5"""
    assert list(accounts_like(robots.customer_id.lower())) == [robots]


@pytest.mark.parametrize("text", ["", "  ", "\x00", "a\nb", "nobody", "bo", "%", "_", "\\"])
def test_anything_else_finds_none(robots, text):
    """D5: two letters have to stand at the beginning, and signs of patterns mean themselves."""
    assert not accounts_like(text).exists()


@pytest.mark.parametrize(
    ("text", "finds"), [("OPS@", True), ("silverline.example", True), ("robotics", False), ("", False)]
)
def test_an_address_is_found_by_any_part_of_it(robots, text, finds):
    """D10"""
    assert accounts_of_email(text).exists() is finds
