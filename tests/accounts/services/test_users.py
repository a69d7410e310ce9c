"""Members of staff and the roles they hold."""

from __future__ import annotations

import pytest

from accounts.errors import EmailTaken, LastSuperadmin
from accounts.models import User
from accounts.services.users import role_grant, role_revoke, user_create, user_deactivate, user_update
from config.kit.errors import Invalid
from history.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def by(at):
    return {"actor": "user:1", "at": at}


def test_a_user_is_made_with_roles(by):
    user = user_create(email="Jane@Signet.example", roles=["issuer", "support"], **by)
    assert user.email == "jane@signet.example"
    assert {group.name for group in user.groups.all()} == {"issuer", "support"}


def test_making_a_user_writes_one_event_without_personal_data(by):
    user = user_create(email="jane@signet.example", name="Jane", roles=["issuer"], **by)
    event = Event.objects.get()
    assert (event.kind, event.subject) == ("user.created", f"user:{user.pk}")
    assert event.data == {"roles": ["issuer"], "superadmin": False}


def test_without_a_password_nobody_signs_in(by):
    assert not user_create(email="jane@signet.example", **by).has_usable_password()


@pytest.mark.parametrize("password", ["short", "password1234", "123456789012345"])
def test_a_weak_password_is_refused(password, by):
    with pytest.raises(Invalid) as refused:
        user_create(email="jane@signet.example", password=password, **by)
    assert {error.field for error in refused.value.errors} == {"password"}


def test_an_unknown_role_is_refused_and_nobody_is_made(by):
    with pytest.raises(Invalid, match="There is no role wizard"):
        user_create(email="jane@signet.example", roles=["wizard"], **by)
    assert not User.objects.exists()


@pytest.mark.parametrize("email", ["jane@signet.example", "JANE@SIGNET.EXAMPLE"])
def test_an_address_is_unique_in_any_case(email, by):
    user_create(email="jane@signet.example", **by)
    with pytest.raises(EmailTaken):
        user_create(email=email, **by)


def test_a_change_is_told_by_the_names_of_its_fields(issuer, by):
    user_update(user=issuer, changes={"email": "new@signet.example"}, password="correct horse", **by)
    issuer.refresh_from_db()
    assert issuer.check_password("correct horse")
    assert Event.objects.get(kind="user.changed").data == {"fields": ["email", "password"]}


def test_what_is_not_editable_is_refused(issuer, by):
    with pytest.raises(Invalid) as refused:
        user_update(user=issuer, changes={"is_staff": False}, **by)
    assert refused.value.errors[0].code == "not_editable"


def test_a_user_is_deactivated(issuer, by):
    user_deactivate(user=issuer, **by)
    issuer.refresh_from_db()
    assert not issuer.is_active
    assert Event.objects.get(kind="user.changed").data == {"fields": ["is_active"], "is_active": False}


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_superuser": False}])
def test_the_last_superadmin_stays(change, superadmin, by):
    with pytest.raises(LastSuperadmin):
        user_update(user=superadmin, changes=change, **by)
    superadmin.refresh_from_db()
    assert superadmin.is_active
    assert superadmin.is_superuser


def test_one_of_two_superadmins_may_go(superadmin, make_user, by):
    make_user(email="second@signet.example", is_superuser=True)
    assert not user_deactivate(user=superadmin, **by).is_active


def test_a_role_is_given_once(issuer, by):
    """D15: role.changed says what was granted."""
    assert role_grant(user=issuer, role="support", **by)
    assert not role_grant(user=issuer, role="support", **by)
    assert Event.objects.get(kind="role.changed").data == {"granted": ["support"], "revoked": []}


def test_a_role_is_taken_and_its_permissions_with_it(issuer, by):
    """D15: role.changed says what was revoked."""
    assert role_revoke(user=issuer, role="issuer", **by)
    assert not User.objects.get(pk=issuer.pk).has_perm("licenses.create_test")
    assert Event.objects.get(kind="role.changed").data == {"granted": [], "revoked": ["issuer"]}


def test_an_unknown_role_is_not_granted(issuer, by):
    with pytest.raises(Invalid):
        role_grant(user=issuer, role="wizard", **by)
