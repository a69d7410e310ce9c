"""Getting in for the first time, and again after forgetting: a link that works once."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.services import invitations
from accounts.services.invitations import user_invite
from accounts.services.users import user_deactivate, user_update
from history.models import Event

pytestmark = pytest.mark.django_db

ADD, LOGIN = reverse("admin:accounts_user_add"), reverse("admin:login")
FORM = {"email": "jane@signet.example", "name": "Jane", "how": "invite", "new_password": ""}
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def carried(monkeypatch):
    """What a courier got to carry."""
    found: list = []
    monkeypatch.setattr(invitations, "_couriers", [lambda *, invitation, actor, at: found.append(invitation)])
    return found


@pytest.fixture
def root(signed_in, superadmin, clock):
    return signed_in(superadmin)


@pytest.fixture
def invite(issuer, clock):
    return lambda: user_invite(user=issuer, actor="user:1", at=clock.at).link.removeprefix(
        "http://testserver"
    )


def choose(browser: Client, link: str, password: str = PASSWORD):
    form = browser.get(link).headers.get("Location", link)
    return browser.post(form, {"new_password1": password, "new_password2": password})


def test_a_new_user_gets_a_link_and_nobody_knows_a_password(root, carried):
    """D15: invite by e-mail with a one-time link."""
    answer = root.post(ADD, FORM)
    assert carried[0].user.email == "jane@signet.example"
    assert carried[0].link in answer.content.decode()
    assert "no-store" in answer.headers["Cache-Control"]
    assert not User.objects.get(email="jane@signet.example").has_usable_password()


def test_history_tells_of_the_invitation_and_never_the_link(root, carried):
    root.post(ADD, FORM)
    event = Event.objects.get(kind="user.invited")
    assert event.data["mailed"] is True
    token = carried[0].link.rstrip("/").rpartition("/")[2]
    assert token not in str(list(Event.objects.values()))
    assert token not in str(dict(root.session))


def test_without_a_courier_the_page_says_to_hand_it_over(root, monkeypatch):
    monkeypatch.setattr(invitations, "_couriers", [])
    assert "Hand this link to" in root.post(ADD, FORM).content.decode()


def test_the_link_lets_its_owner_choose_a_password_and_sign_in(client, invite, issuer):
    assert choose(client, invite()).headers["Location"] == LOGIN
    answer = client.post(LOGIN, {"username": issuer.email, "password": PASSWORD})
    assert answer.headers["Location"] == reverse("admin:index")
    event = Event.objects.get(kind="user.changed")
    assert (event.actor, event.data["fields"]) == (f"user:{issuer.pk}", ["password"])


def test_the_link_works_once(client, invite):
    link = invite()
    choose(client, link)
    assert "works no more" in Client().get(link).content.decode()
    assert choose(Client(), link, "another horse battery").status_code == 200


def test_the_link_works_for_three_days(client, invite, clock):
    link = invite()
    clock.advance(timedelta(days=3, seconds=1))
    assert "works no more" in client.get(link).content.decode()


def test_the_token_leaves_the_address_at_once(client, invite):
    """No Referer carries it away."""
    answer = client.get(invite())
    assert answer.headers["Location"].endswith("/set-password/")


def test_a_weak_password_is_refused_there_too(client, invite, issuer):
    answer = choose(client, invite(), "password1")
    assert "too common" in answer.content.decode()
    issuer.refresh_from_db()
    assert not issuer.has_usable_password()


def test_a_user_who_was_switched_off_gets_in_by_no_link(client, invite, issuer, superadmin, at):
    link = invite()
    user_deactivate(user=issuer, actor="cli:test", at=at)
    assert "works no more" in client.get(link).content.decode()


@pytest.mark.parametrize(
    "path", ["x/y", "MQ/bad-token", "MQ/set-password", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5/a-b"]
)
def test_a_made_up_link_is_no_error(client, db, path):
    assert client.get(f"/admin/welcome/{path}/").status_code == 200


def test_a_link_for_somebody_who_forgot_is_asked_for_in_a_dialog(root, issuer, carried):
    address = reverse("admin:accounts_user_invite", args=[issuer.pk])
    assert "It works once" in root.get(address).content.decode()
    answer = root.post(address)
    assert carried[0].link in answer.content.decode()


def test_a_switched_off_user_is_not_invited(root, issuer, superadmin, at):
    user_deactivate(user=issuer, actor="cli:test", at=at)
    address = reverse("admin:accounts_user_invite", args=[issuer.pk])
    assert root.get(address).status_code == 403


def test_a_new_password_by_link_leaves_the_second_factor_in_place(client, invite, signed_in, issuer):
    """D15: the link alone signs nobody in who has one."""
    signed_in(issuer)
    choose(client, invite())
    answer = client.post(LOGIN, {"username": issuer.email, "password": PASSWORD})
    assert answer.headers["Location"] == reverse("admin:login_code")


def test_a_refused_user_is_not_invited(root, issuer, carried):
    root.post(ADD, {**FORM, "email": issuer.email})
    assert not carried
    assert not Event.objects.filter(kind="user.invited").exists()


def test_the_page_names_whose_password_it_is(client, invite, issuer, at):
    user_update(user=issuer, changes={"name": "<b>x</b>"}, actor="cli:test", at=at)
    form = client.get(client.get(invite()).headers["Location"]).content.decode()
    assert issuer.email in form
    assert not re.search("<b>x</b>", form)
