"""Signing keys in the admin."""

from __future__ import annotations

from base64 import b64encode
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from licenses.models import SigningKey
from licenses.services.keys import key_generate

pytestmark = pytest.mark.django_db

LIST = reverse("admin:licenses_signingkey_changelist")
STEPS = ("rotate", "generate", "import_pem")


def step(name):
    return reverse(f"admin:licenses_signingkey_{name}")


def errors(answer):
    return {name: list(found) for name, found in answer.context["form"].errors.items()}


def test_the_list_asks_as_few_questions_for_many_keys_as_for_two(root, license_, at):
    with CaptureQueriesContext(connection) as two:
        root.get(LIST)
    for _ in range(3):
        key_generate(algorithm="EdDSA", actor="cli:test", at=at)
    with CaptureQueriesContext(connection) as five:
        root.get(LIST)
    assert len(five) == len(two)


def test_the_list_tells_state_next_step_and_live_licenses(looker, license_, rsa_key):
    text = looker.get(LIST).content.decode()
    assert f'?signed_by={rsa_key.kid}" class="text-link">1<' in text
    assert "Rotate to stage its successor" in text


def test_no_page_holds_private_material(root, rsa_key, rsa_pem, page):
    body = rsa_pem.decode().splitlines()[3]
    sealed = bytes(rsa_key.private_sealed)
    spellings = (sealed[:20].hex(), b64encode(sealed)[:40].decode(), repr(sealed[:20])[2:-1])
    for address in (LIST, page(rsa_key), page(rsa_key, "revoke")):
        text = root.get(address).content.decode()
        assert "PRIVATE" not in text
        assert body not in text
        assert not any(spelling in text for spelling in spellings)


def test_generating_stages_a_key(root, superadmin):
    assert root.post(step("generate"), {"algorithm": "EdDSA", "product": ""}).status_code == 302
    assert SigningKey.objects.get().state == "staged"


def test_importing_a_pem_stages_it_and_never_echoes_it(root, ed_pem):
    """E6"""
    assert root.post(step("import_pem"), {"pem": ed_pem.decode(), "password": ""}).status_code == 302
    assert SigningKey.objects.get().origin == "imported"
    again = root.post(step("import_pem"), {"pem": ed_pem.decode(), "password": "secret word"})
    assert errors(again)
    assert "PRIVATE KEY" not in again.content.decode()
    assert "secret word" not in again.content.decode()


def test_what_is_no_key_is_refused_at_its_field(root, db):
    assert "pem" in errors(root.post(step("import_pem"), {"pem": "-----BEGIN NONSENSE-----"}))
    assert not SigningKey.objects.exists()


def test_a_key_is_activated_once_it_was_published_long_enough(
    root, superadmin, pass_second_factor, rsa_key, other_rsa_pem, page, clock
):
    root.post(step("import_pem"), {"pem": other_rsa_pem.decode()})
    young = SigningKey.objects.get(state="staged")
    assert "staged until" in errors(root.post(page(young, "activate")))["__all__"][0]
    clock.advance(timedelta(days=1))
    pass_second_factor(root.session, superadmin)
    assert root.post(page(young, "activate")).status_code == 302
    rsa_key.refresh_from_db()
    assert rsa_key.state == "retired"


def test_rotating_stages_a_successor(root, ed_key):
    assert root.post(step("rotate"), {"algorithm": "EdDSA"}).status_code == 302
    assert set(SigningKey.objects.values_list("state", flat=True)) == {"active", "staged"}


def test_a_key_with_live_licenses_is_not_retired_by_accident(root, license_, rsa_key, page):
    answer = root.post(page(rsa_key, "retire"))
    assert "1 live" in errors(answer)["__all__"][0]
    assert root.post(page(rsa_key, "retire"), {"force": "on"}).status_code == 302


def test_revoking_lists_the_affected_licenses_and_needs_a_reason(root, license_, rsa_key, page):
    answer = root.get(page(rsa_key, "revoke"))
    assert license_.public_id in answer.content.decode()
    assert "reason" in errors(root.post(page(rsa_key, "revoke"), {"reason": "", "force": "on"}))


def test_revoking_with_re_issue_asks_for_it(root, license_, rsa_key, page):
    given = {"reason": "leaked", "reissue": "on", "force": "on"}
    assert root.post(page(rsa_key, "revoke"), given).status_code == 302
    rsa_key.refresh_from_db()
    assert (rsa_key.state, rsa_key.replace, rsa_key.revoked_reason) == ("revoked", True, "leaked")


@pytest.mark.parametrize("name", STEPS)
def test_steps_need_their_permission(manager, rsa_key, name):
    """D15: a license manager looks at keys and changes none."""
    assert manager.get(step(name)).status_code == 403
    assert manager.get(LIST).status_code == 200
    assert step(name) not in manager.get(LIST).content.decode()


@pytest.mark.parametrize("name", ["activate", "retire", "revoke"])
def test_steps_of_a_key_need_their_permission(manager, rsa_key, page, name):
    """D15"""
    assert manager.post(page(rsa_key, name), {"reason": "x", "force": "on"}).status_code == 403
    assert page(rsa_key, name) not in manager.get(page(rsa_key)).content.decode()
    rsa_key.refresh_from_db()
    assert rsa_key.state == "active"
