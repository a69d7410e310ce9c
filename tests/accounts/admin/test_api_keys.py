"""API keys in the admin."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from accounts.models import ApiKey
from accounts.services.api_keys import api_key_authenticate
from history.models import Event

pytestmark = pytest.mark.django_db

LIST = reverse("admin:accounts_apikey_changelist")
ADD = reverse("admin:accounts_apikey_add")
FORM = {"name": "Storefront", "role": "license-issuer", "account": "", "expires_at_0": "", "expires_at_1": ""}


def page(key: ApiKey, name: str = "change") -> str:
    return reverse(f"admin:accounts_apikey_{name}", args=[key.pk])


@pytest.fixture
def root(signed_in, superadmin):
    return signed_in(superadmin)


@pytest.fixture
def key(make_key):
    make_key("support")
    return ApiKey.objects.get()


def test_the_token_is_shown_once(root, at):
    """C30: token shown once."""
    answer = root.post(ADD, FORM)
    token = re.search(r"sgk_[a-z0-9]{12}_[\w-]{43}", answer.content.decode())[0]
    assert api_key_authenticate(token=token, at=at).roles == {"license-issuer"}
    assert "no-store" in answer.headers["Cache-Control"]
    for url in (page(ApiKey.objects.get()), LIST):
        assert "sgk_" not in root.get(url).content.decode()


def test_the_token_is_in_no_cookie_message_or_event(root):
    answer = root.post(ADD, FORM)
    secret = re.search(r"sgk_[a-z0-9]{12}_([\w-]{43})", answer.content.decode())[1]
    assert secret not in str(answer.cookies)
    assert secret not in str(dict(root.session))
    assert secret not in str(list(Event.objects.values()))


def test_the_list_shows_prefix_role_and_last_use(root, key):
    content = root.get(LIST).content.decode()
    assert key.prefix in content
    assert "support" in content
    assert key.token_sha256 not in content


def test_a_key_is_revoked_in_a_dialog(root, key):
    """C30: revocable."""
    answer = root.post(page(key, "revoke"), {"_form_submitted": "True"})
    assert answer.headers["HX-Redirect"] == page(key)
    key.refresh_from_db()
    assert key.revoked_at is not None
    assert Event.objects.filter(kind="api_key.revoked").count() == 1


def test_a_revoked_key_has_no_button(root, key):
    assert page(key, "revoke") in root.get(page(key)).content.decode()
    root.post(page(key, "revoke"), {"_form_submitted": "True"})
    assert page(key, "revoke") not in root.get(page(key)).content.decode()


def test_an_end_in_the_past_is_refused_at_its_field(root):
    form = {**FORM, "expires_at_0": "2020-01-01", "expires_at_1": "00:00:00"}
    answer = root.post(ADD, form)
    assert answer.context["adminform"].form.errors["expires_at"] == ["The end must lie in the future."]
    assert not ApiKey.objects.exists()


def test_staff_without_the_permission_get_403_and_no_button(signed_in, auditor, license_manager, key):
    """D15: 403 and no button."""
    looking = signed_in(auditor)
    assert page(key, "revoke") not in looking.get(page(key)).content.decode()
    assert looking.get(ADD).status_code == 403
    assert looking.post(page(key, "revoke"), {"_form_submitted": "True"}).status_code == 403
    assert signed_in(license_manager).get(LIST).status_code == 403


def test_the_list_takes_the_same_queries_for_any_number_of_rows(
    root, make_key, customer, django_assert_max_num_queries
):
    for _ in range(12):
        make_key("support", account=customer)
    with django_assert_max_num_queries(8):
        root.get(LIST)
