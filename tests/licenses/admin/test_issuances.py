"""Issuances in the admin: to look at, and their text for who may see it."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from history.models import Event
from licenses.models import Issuance

pytestmark = pytest.mark.django_db

LIST = reverse("admin:licenses_issuance_changelist")


@pytest.fixture
def issuance(granted):
    return granted.issued.issuance


def text_of(row):
    return reverse("admin:licenses_issuance_text", args=[row.pk])


def file_of(row):
    return reverse("admin:licenses_issuance_file", args=[row.pk])


def test_the_list_asks_as_few_questions_for_many_rows_as_for_one(root, granted, issue):
    with CaptureQueriesContext(connection) as one:
        root.get(LIST)
    for _ in range(4):
        issue(granted.license)
    with CaptureQueriesContext(connection) as five:
        root.get(LIST)
    assert len(five) == len(one)


def test_the_text_is_copied_byte_for_byte_and_the_reading_is_an_event(
    manager, license_manager, granted, issuance
):
    """E23; each reading is one event."""
    answer = manager.post(text_of(issuance))
    assert answer.content.decode() == granted.issued.text
    assert "no-store" in answer.headers["Cache-Control"]
    event = Event.objects.get(kind="artifact.read")
    assert (event.actor, event.data["jti"]) == (f"user:{license_manager.pk}", issuance.jti_text)


@pytest.mark.parametrize(("wanted", "suffix"), [("jwt", "jwt"), ("lic1", "txt"), ("envelope", "lic")])
def test_the_file_is_named_by_account_product_and_license(manager, granted, issue, wanted, suffix):
    """E23: the bytes equal those issued."""
    issued = issue(granted.license, format=wanted)
    answer = manager.post(file_of(issued.issuance))
    assert answer.content.decode() == issued.text
    name = f"acme-demo-{granted.license.public_id}.{suffix}"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'


@pytest.mark.parametrize("address", [text_of, file_of])
def test_the_text_leaves_by_post_only(manager, issuance, address):
    assert manager.get(address(issuance)).status_code == 405
    assert not Event.objects.filter(kind="artifact.read").exists()


@pytest.mark.parametrize("address", [text_of, file_of])
def test_who_may_not_see_keys_gets_no_text_and_no_button(looker, issuance, page, address):
    """D15"""
    assert looker.post(address(issuance)).status_code == 403
    text = looker.get(page(issuance)).content.decode()
    assert "data-key-url" not in text
    assert "Download" not in text


def test_the_text_needs_the_token_of_the_page(superadmin, issuance):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(superadmin)
    assert browser.post(text_of(issuance)).status_code == 403


def test_a_text_that_was_not_kept_says_so(manager, granted, issue, page):
    row = issue(granted.license, persist=False).issuance
    answer = manager.post(text_of(row))
    assert answer.status_code == 404
    assert "not kept" in answer.content.decode()
    assert "not kept" in manager.get(page(row)).content.decode()


def test_the_page_shows_claims_key_and_what_it_supersedes(root, granted, issue, page):
    later = issue(granted.license).issuance
    text = root.get(page(later)).content.decode()
    assert page(granted.issued.issuance) in text
    assert page(later.signing_key) in text
    assert "&quot;seats&quot;: 25" in text


def test_search_finds_by_license_and_by_hash(root, issuance):
    for term in (issuance.license.public_id, issuance.text_sha256):
        assert [row.pk for row in root.get(LIST, {"q": term}).context["cl"].result_list] == [issuance.pk]
    assert not root.get(LIST, {"q": "0" * 64}).context["cl"].result_list


def test_nothing_about_an_issuance_is_changed(root, issuance, page):
    root.post(page(issuance), {"actor": "user:0"})
    assert root.post(page(issuance, "delete"), {"post": "yes"}).status_code == 403
    assert Issuance.objects.get().actor == issuance.actor


def test_an_unknown_issuance_is_not_found(manager, issuance):
    assert manager.post(reverse("admin:licenses_issuance_text", args=[10**9])).status_code == 404
