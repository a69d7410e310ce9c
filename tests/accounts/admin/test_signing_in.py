"""Signing in: password, second factor, limits, and where one goes on to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from redis.exceptions import ConnectionError as RedisDown

from accounts import codes
from accounts.services.second_factor import factor_enrol
from accounts.services.users import user_deactivate
from history.models import Event

pytestmark = pytest.mark.django_db

LOGIN, CODE, HOME = reverse("admin:login"), reverse("admin:login_code"), reverse("admin:index")
PASSWORD = "correct horse battery"
AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@pytest.fixture
def jane(make_user):
    """A member of staff with a password."""
    from accounts.services.users import user_update
    from config.kit.clock import now

    user = make_user("issuer", email="jane@signet.example")
    return user_update(user=user, changes={}, password=PASSWORD, actor="cli:test", at=now())


@pytest.fixture
def recovery(jane, app_secret, clock):
    """Jane's recovery codes: from here on she has an app."""
    code = codes.code_at(app_secret, clock.at)
    _, texts = factor_enrol(user=jane, secret=app_secret, code=code, actor="cli:test", at=clock.at)
    clock.advance(timedelta(minutes=1))
    return texts


@pytest.fixture
def shown(app_secret, clock):
    """Return what Jane's app shows at this moment."""
    return lambda: codes.code_at(app_secret, clock.at)


def sign_in(browser: Client, password: str = PASSWORD, to: str = "", email: str = "jane@signet.example"):
    url = f"{LOGIN}?next={to}" if to else LOGIN
    return browser.post(url, {"username": email, "password": password})


def is_inside(browser: Client) -> bool:
    return browser.get(HOME).status_code == 200


def test_who_has_no_second_factor_signs_in_by_password(client, jane):
    assert sign_in(client).headers["Location"] == HOME
    assert is_inside(client)


def test_who_has_one_is_not_inside_before_the_code(client, jane, recovery, shown):
    """D15: second factor for staff."""
    assert sign_in(client).headers["Location"] == CODE
    assert not is_inside(client)
    assert client.post(CODE, {"code": shown()}).headers["Location"] == HOME
    assert is_inside(client)


def test_a_wrong_password_tells_nothing_of_the_second_factor(client, jane, recovery):
    answer = sign_in(client, "wrong")
    assert answer.status_code == 200
    assert client.get(CODE).headers["Location"] == LOGIN


def test_a_code_that_was_used_signs_nobody_in(client, jane, recovery, shown):
    """D15: replay."""
    sign_in(client)
    client.post(CODE, {"code": shown()})
    second = Client()
    sign_in(second)
    answer = second.post(CODE, {"code": shown()})
    assert "was used before" in answer.content.decode()
    assert not is_inside(second)


def test_a_recovery_code_signs_in_and_is_an_event(client, jane, recovery):
    """D15: the lost device."""
    sign_in(client)
    client.post(CODE, {"code": recovery[0]})
    assert is_inside(client)
    assert Event.objects.filter(kind="second_factor.used", subject=f"user:{jane.pk}").count() == 1


def test_the_second_step_ends_after_ten_minutes(client, jane, recovery, shown, clock):
    sign_in(client)
    clock.advance(timedelta(minutes=11))
    assert client.post(CODE, {"code": shown()}).headers["Location"] == LOGIN
    assert not is_inside(client)


def test_a_user_who_is_switched_off_between_the_steps_stays_out(
    client, jane, recovery, shown, superadmin, at
):
    sign_in(client)
    user_deactivate(user=jane, actor="cli:test", at=at)
    assert client.post(CODE, {"code": shown()}).headers["Location"] == LOGIN


def test_wrong_codes_are_throttled_with_a_time_to_wait(client, jane, recovery, shown):
    """D15"""
    sign_in(client)
    for _ in range(3):
        assert client.post(CODE, {"code": "000000"}).status_code == 200
    answer = client.post(CODE, {"code": shown()})
    assert answer.status_code == 429
    assert "Try again in 3 seconds" in answer.content.decode()


@time_machine.travel(AT)
def test_tries_are_limited_for_an_address_and_a_name(client, jane, settings):
    """The right password is not even looked at: a guesser learns nothing from being refused."""
    settings.LOGIN_LIMIT = "3/d"
    for _ in range(3):
        assert sign_in(client, "wrong").status_code == 200
    answer = sign_in(client)
    assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (429, True)
    assert "Too many tries" in answer.content.decode()
    assert not is_inside(client)
    assert sign_in(client, email="other@signet.example").status_code == 200


@time_machine.travel(AT)
def test_an_address_that_tries_many_names_is_limited_too(client, db, settings):
    settings.LOGIN_LIMIT = "1/d"
    statuses = [sign_in(client, email=f"user{n}@signet.example").status_code for n in range(6)]
    assert statuses == [200] * 5 + [429]


def test_nobody_signs_in_while_tries_cannot_be_counted(client, jane, monkeypatch):
    """Limits of logins are closed when the cache is gone; the page says so and is no 500."""

    def gone(*_args, **_kwargs):
        raise RedisDown

    monkeypatch.setattr(cache, "add", gone)
    answer = sign_in(client)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert not is_inside(client)


def test_signing_in_leads_on_to_the_page_that_was_asked_for(client, jane):
    wanted = reverse("admin:licenses_license_changelist")
    assert sign_in(client, to=wanted).headers["Location"] == wanted


def test_the_second_step_leads_on_too(client, jane, recovery, shown):
    wanted = reverse("admin:licenses_license_changelist")
    sign_in(client, to=wanted)
    assert client.post(CODE, {"code": shown()}).headers["Location"] == wanted


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "https:evil.example",
        "/api/v1/me",
        "javascript:1",
    ],
)
def test_signing_in_leads_nowhere_else(client, jane, to):
    """Redirect targets: judged as a browser parses them."""
    assert sign_in(client, to=to).headers["Location"] == HOME


def test_signing_in_gives_the_session_a_new_key(client, jane):
    client.get(LOGIN)
    before = client.session.session_key
    sign_in(client)
    assert client.session.session_key != before


def test_who_is_inside_is_led_past_the_form(signed_in, jane):
    assert signed_in(jane).get(LOGIN).headers["Location"] == HOME


# --- one's own password ---------------------------------------------------------------------------------

CHANGE = reverse("admin:password_change")
NEW = "another horse battery"


def change_password(browser: Client, old: str = PASSWORD, new: str = NEW):
    return browser.post(CHANGE, {"old_password": old, "new_password1": new, "new_password2": new})


def test_changing_one_s_password_is_an_event(client, jane):
    sign_in(client)
    assert change_password(client).headers["Location"] == reverse("admin:password_change_done")
    event = Event.objects.filter(kind="user.changed").latest("id")
    assert (event.actor, event.data) == (f"user:{jane.pk}", {"fields": ["password"]})


def test_a_new_password_ends_the_other_sessions_and_keeps_this_one(client, jane):
    other = Client()
    sign_in(client)
    sign_in(other)
    change_password(client)
    assert is_inside(client)
    assert not is_inside(other)


def test_the_old_password_is_asked_for(client, jane):
    sign_in(client)
    assert change_password(client, old="wrong").status_code == 200
    assert not Event.objects.filter(kind="user.changed", actor=f"user:{jane.pk}").exists()
