"""The page behind "unsubscribe", for people and for mail programs (RFC 8058)."""

from __future__ import annotations

import pytest
from django.core import signing
from django.db import OperationalError
from django.test import Client

from history.models import Event
from notifications import pages
from notifications.models import Suppression
from notifications.selectors.suppressions import suppression_of
from notifications.services.suppressions import suppression_add
from notifications.unsubscribing import SALT, unsubscribe_token, unsubscribe_url

pytestmark = pytest.mark.django_db
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def stranger():
    """Nobody is signed in, and CSRF is enforced as it is outside of tests."""
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def notice(queue):
    return queue(stream="notice")


@pytest.fixture
def link(notice):
    return unsubscribe_url(notice.uid, "notice").removeprefix("http://testserver")


def stopped(stream="notice"):
    return suppression_of("ada@acme.example", stream) is not None


def test_one_post_of_a_mail_program_unsubscribes_at_once(stranger, link):
    """RFC 8058: without a cookie, a login, a question or a redirect."""
    answer = stranger.post(link, ONE_CLICK)
    assert (answer.status_code, answer.cookies) == (200, {})
    assert (stopped("notice"), stopped("digest"), stopped("transactional")) == (True, False, False)


@pytest.mark.parametrize("method", ["get", "head"])
def test_looking_at_the_link_changes_nothing(stranger, link, method):
    """People: links act on POST only."""
    answer = getattr(stranger, method)(link)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert not stopped()


def test_the_page_says_what_would_end_and_whose_mail_without_the_whole_address(stranger, link):
    text = stranger.get(link).content.decode()
    assert "expiry notices" in text
    assert "a•••@acme.example" in text
    assert "ada@" not in text
    assert text.count("<button") == 1


def test_the_button_unsubscribes_and_its_undo_takes_it_back(stranger, link):
    text = stranger.post(link).content.decode()
    assert "You are unsubscribed" in text
    assert f'action="{link}/undo"' in text
    text = stranger.post(f"{link}/undo").content.decode()
    assert "back on the list" in text
    assert not stopped()


def test_twice_is_once(stranger, link):
    stranger.post(link, ONE_CLICK)
    stranger.post(link, ONE_CLICK)
    assert Suppression.objects.count() == 1
    stranger.post(f"{link}/undo")
    stranger.post(f"{link}/undo")
    assert list(Event.objects.filter(subject__startswith="suppression:").values_list("kind", flat=True)) == [
        "suppression.added",
        "suppression.lifted",
    ]


def test_undo_lifts_nothing_but_the_unsubscribing(stranger, link, at):
    for reason in ("hard_bounce", "manual"):
        suppression_add(address="ada@acme.example", reason=reason, actor="cli:test", at=at)
    stranger.post(link)
    stranger.post(f"{link}/undo")
    assert set(Suppression.objects.filter(lifted_at=None).values_list("reason", flat=True)) == {
        "hard_bounce",
        "manual",
    }


def test_undo_acts_on_post_only(stranger, link):
    stranger.post(link)
    assert stranger.get(f"{link}/undo").status_code == 405
    assert stopped()


def test_history_names_the_message_and_nobody(stranger, link, notice):
    stranger.post(link)
    event = Event.objects.get(kind="suppression.added")
    assert event.actor == f"recipient:{notice.uid}"


def bad_tokens(notice):
    good = unsubscribe_token(notice.uid, "notice")
    changed = good[:-1] + ("B" if good[-1] == "A" else "A")
    return [
        "x", good[:-1], changed, good.swapcase(), good + ":x", "%00", "é", ":::", "a" * 5000,
        unsubscribe_token(notice.uid, "digest"), unsubscribe_token(notice.uid, "transactional"),
        signing.dumps([notice.uid.hex, "notice"], salt="another"), signing.dumps("text", salt=SALT),
        signing.dumps([1, 2, 3], salt=SALT), signing.dumps({"a": 1}, salt=SALT), signing.dumps([None, None], salt=SALT),
        signing.dumps(["00000000000070008000000000000000", "notice"], salt=SALT),
    ]  # fmt: skip


def test_a_token_that_is_not_ours_does_nothing_and_says_so(stranger, notice):
    """Always true 9."""
    for token in bad_tokens(notice):
        for path in (f"/mail/unsubscribe/{token}", f"/mail/unsubscribe/{token}/undo"):
            assert stranger.post(path, ONE_CLICK).status_code == 404, token
    assert not Suppression.objects.exists()


def test_transactional_mail_has_no_page(stranger, queue):
    message = queue()
    assert (
        stranger.get(f"/mail/unsubscribe/{unsubscribe_token(message.uid, 'transactional')}").status_code
        == 404
    )


def test_the_token_holds_nothing_of_a_person(notice):
    told = signing.loads(unsubscribe_token(notice.uid, "notice"), salt=SALT)
    assert told == [notice.uid.hex, "notice"]


def test_the_link_is_made_of_the_setting_and_never_of_the_host(stranger, link, settings, notice):
    """People: base URL from settings, never from the Host header."""
    settings.ALLOWED_HOSTS = ["*"]
    text = stranger.get(link, headers={"Host": "evil.example"}).content.decode()
    assert "evil.example" not in text
    settings.BASE_URL = "https://licenses.acme.example"
    assert unsubscribe_url(notice.uid, "notice").startswith("https://licenses.acme.example/mail/unsubscribe/")


def test_an_outage_is_answered_with_when_to_come_back(stranger, link, monkeypatch):
    """Always true 9: a mail program that is told so tries again."""

    def gone(**_):
        raise OperationalError

    monkeypatch.setattr(pages, "message_unsubscribe", gone)
    answer = stranger.post(link, ONE_CLICK)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def test_other_methods_are_refused(stranger, link):
    assert stranger.put(link).status_code == 405
    assert stranger.delete(link).status_code == 405
