"""The pages of the second factor, and the pages that ask for one."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse

from accounts import codes
from accounts.models import SecondFactor
from history.models import Event

pytestmark = pytest.mark.django_db

OVERVIEW, ENROL, CONFIRM, CODES, REMOVE = (
    reverse(f"admin:second_factor{name}") for name in ("", "_enrol", "_confirm", "_recovery_codes", "_remove")
)
PASSWORD = "correct horse battery"
SENSITIVE = [
    "accounts_user_changelist",
    "accounts_user_add",
    "accounts_role_changelist",
    "accounts_apikey_changelist",
    "accounts_apikey_add",
    "licenses_signingkey_changelist",
    "licenses_signingkey_rotate",
    "licenses_signingkey_import_pem",
]


@pytest.fixture
def jane(superadmin):
    superadmin.set_password(PASSWORD)
    superadmin.save(update_fields=["password"])
    return superadmin


@pytest.fixture
def bare(signed_in, jane):
    """Jane's browser, with the password alone."""
    return signed_in(jane, second_factor=False)


@pytest.fixture
def fresh(signed_in, jane, clock):
    """Jane's browser, a code given this moment."""
    return signed_in(jane)


def secret_on(page) -> bytes:
    import base64

    text = re.search(r'id="secret">([A-Z2-7 ]+)<', page.content.decode())[1]
    return base64.b32decode(text.replace(" ", ""))


def enrol(browser, clock, *, url: str = ENROL, password: str = PASSWORD):
    secret = secret_on(browser.get(url))
    return browser.post(url, {"code": codes.code_at(secret, clock.at), "password": password})


def recovery_on(page) -> list[str]:
    return re.findall(r"\b(?:[a-z2-7]{4}-){3}[a-z2-7]{4}\b", page.content.decode())


# --- setting up ------------------------------------------------------------------------------------------


def test_setting_up_shows_picture_and_secret_and_gives_ten_codes_once(bare, clock):
    """D15: TOTP and recovery codes."""
    page = bare.get(ENROL)
    assert 'src="data:image/svg+xml' in page.content.decode()
    done = enrol(bare, clock)
    assert len(set(recovery_on(done))) == 10
    assert "no-store" in done.headers["Cache-Control"]
    assert not recovery_on(bare.get(OVERVIEW))
    assert bare.get(reverse("admin:accounts_user_changelist")).status_code == 200


def test_a_reloaded_page_keeps_its_secret_and_the_session_holds_it_sealed(bare, clock):
    secret = secret_on(bare.get(ENROL))
    assert secret_on(bare.get(ENROL)) == secret
    assert secret_on(bare.post(ENROL, {"code": "000000", "password": PASSWORD})) == secret
    held = str(dict(bare.session))
    assert codes.secret_text(secret).replace(" ", "") not in held
    assert str(secret) not in held


def test_an_open_session_alone_sets_up_nothing(bare, clock):
    """The password is asked for again."""
    answer = enrol(bare, clock, password="wrong")
    assert "This is not your password." in answer.content.decode()
    assert not SecondFactor.objects.exists()


def test_the_recovery_codes_lead_on_to_the_page_that_asked(bare, clock):
    wanted = reverse("admin:accounts_apikey_changelist")
    done = enrol(bare, clock, url=f"{ENROL}?next={wanted}")
    assert f'href="{wanted}"' in done.content.decode()


def test_guessing_the_password_there_is_limited(bare, clock, settings):
    settings.LOGIN_LIMIT = "1/d"
    enrol(bare, clock, password="wrong")
    assert "Too many tries" in enrol(bare, clock).content.decode()
    assert not SecondFactor.objects.exists()


def test_another_device_takes_a_fresh_code_of_the_one_before(fresh, clock):
    clock.advance(timedelta(hours=3))
    assert urlsplit(fresh.get(ENROL).headers["Location"]).path == CONFIRM


def test_another_device_takes_the_place_of_the_one_before(fresh, clock, jane):
    before = SecondFactor.objects.get(user=jane).pk
    page = fresh.get(ENROL)
    assert 'name="password"' not in page.content.decode()
    fresh.post(ENROL, {"code": codes.code_at(secret_on(page), clock.at)})
    assert SecondFactor.objects.get(user=jane).pk != before


# --- the pages that ask ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SENSITIVE)
def test_a_sensitive_page_leads_to_setting_up_and_back(bare, name):
    """D15: required for keys, roles and API credentials."""
    page = reverse(f"admin:{name}")
    way = urlsplit(bare.get(page).headers["Location"])
    assert (way.path, parse_qs(way.query)) == (ENROL, {"next": [page]})


@pytest.mark.parametrize("name", SENSITIVE)
def test_a_sensitive_page_opens_after_a_code(fresh, name):
    assert fresh.get(reverse(f"admin:{name}")).status_code == 200


def test_a_change_without_a_second_factor_changes_nothing(bare, issuer):
    """D15"""
    answer = bare.post(
        reverse("admin:accounts_user_change", args=[issuer.pk]), {"email": issuer.email, "roles": []}
    )
    assert urlsplit(answer.headers["Location"]).path == ENROL
    assert issuer.groups.exists()


def test_a_dialog_sends_the_page_behind_it(bare, make_key):
    make_key("support")
    page = reverse("admin:licenses_license_changelist")
    headers = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{page}"}
    answer = bare.get(reverse("admin:licenses_signingkey_rotate"), headers=headers)
    way = urlsplit(answer.headers["HX-Redirect"])
    assert (way.path, parse_qs(way.query)) == (ENROL, {"next": [page]})


def test_other_pages_open_by_password(bare):
    assert bare.get(reverse("admin:licenses_license_changelist")).status_code == 200


def test_who_lacks_the_permission_is_refused_before_a_code_is_asked_for(signed_in, issuer):
    browser = signed_in(issuer, second_factor=False)
    assert browser.get(reverse("admin:accounts_user_changelist")).status_code == 403


def test_a_stranger_is_sent_to_the_sign_in_form(client):
    way = urlsplit(client.get(reverse("admin:accounts_user_changelist")).headers["Location"])
    assert way.path == reverse("admin:login")


def test_an_installation_may_do_without(bare, settings):
    """So that `make run` opens without a telephone."""
    settings.REQUIRE_SECOND_FACTOR = False
    assert bare.get(reverse("admin:accounts_user_changelist")).status_code == 200


def test_a_code_is_good_for_half_an_hour_and_an_open_form_for_as_long_again(fresh, clock, jane, issuer):
    users = reverse("admin:accounts_user_changelist")
    clock.advance(timedelta(minutes=30))
    assert fresh.get(users).status_code == 200
    clock.advance(timedelta(seconds=1))
    assert urlsplit(fresh.get(users).headers["Location"]).path == CONFIRM
    page = reverse("admin:accounts_user_change", args=[issuer.pk])
    form = {"email": issuer.email, "name": "Issuer", "is_active": "on"}
    assert fresh.post(page, form).headers["Location"] == users
    clock.advance(timedelta(minutes=30))
    assert urlsplit(fresh.post(page, form).headers["Location"]).path == CONFIRM


def test_confirming_leads_back(fresh, clock, app_secret):
    users = reverse("admin:accounts_user_changelist")
    clock.advance(timedelta(hours=1))
    answer = fresh.post(f"{CONFIRM}?next={users}", {"code": codes.code_at(app_secret, clock.at)})
    assert answer.headers["Location"] == users
    assert fresh.get(users).status_code == 200


@pytest.mark.parametrize(
    "to", ["https://evil.example/", "//evil.example", "/\\evil.example/admin/", "/api/v1/me"]
)
def test_confirming_leads_nowhere_else(fresh, clock, app_secret, to):
    """Redirect targets."""
    clock.advance(timedelta(hours=1))
    answer = fresh.post(CONFIRM, {"code": codes.code_at(app_secret, clock.at)}, query_params={"next": to})
    assert answer.headers["Location"] == reverse("admin:index")


def test_a_wrong_code_confirms_nothing(fresh, clock):
    clock.advance(timedelta(hours=1))
    answer = fresh.post(CONFIRM, {"code": "000000"})
    assert "This code is not valid" in answer.content.decode()
    assert fresh.get(reverse("admin:accounts_user_changelist")).status_code == 302


def test_a_factor_that_was_removed_counts_no_more_at_once(fresh, jane):
    SecondFactor.objects.filter(user=jane).delete()
    way = urlsplit(fresh.get(reverse("admin:accounts_user_changelist")).headers["Location"])
    assert way.path == ENROL


# --- keeping and removing --------------------------------------------------------------------------------


def test_new_recovery_codes_are_shown_once(fresh):
    assert len(set(recovery_on(fresh.post(CODES)))) == 10
    assert not recovery_on(fresh.get(OVERVIEW))


def test_removing_one_s_own_is_an_event(fresh, jane):
    assert fresh.post(REMOVE).headers["Location"] == OVERVIEW
    assert Event.objects.get(kind="second_factor.removed").data == {"own": True}
    assert "No second factor" in fresh.get(OVERVIEW).content.decode()


@pytest.mark.parametrize("page", [CODES, REMOVE])
def test_both_take_a_fresh_code_even_where_none_is_required(fresh, clock, page, settings):
    settings.REQUIRE_SECOND_FACTOR = False
    clock.advance(timedelta(hours=2))
    assert urlsplit(fresh.post(page).headers["Location"]).path == CONFIRM
    assert SecondFactor.objects.exists()


@pytest.mark.parametrize("page", [OVERVIEW, ENROL, CONFIRM, CODES, REMOVE])
def test_the_pages_are_for_staff_who_are_signed_in(client, db, page):
    assert urlsplit(client.get(page).headers["Location"]).path == reverse("admin:login")


def test_without_the_sealing_key_the_page_says_so(bare, settings):
    """An outage of ours is a 503, never a 500."""
    settings.KEY_ENCRYPTION_KEYS = []
    assert bare.get(ENROL).status_code == 503
