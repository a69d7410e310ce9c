"""The table of roles, and the groups made from it."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission

from accounts import roles
from accounts.models import ApiKey
from config.kit.api.permissions import MASTER_ONLY, Scope

pytestmark = pytest.mark.django_db

SEPARATE = {
    "licenses.view_license",
    "licenses.create_commercial",
    "licenses.create_test",
    "licenses.renew_license",
    "licenses.revoke_license",
    "accounts.manage_account",
    "licenses.see_key_text",
    "accounts.configure_notification",
    "accounts.activate_module",
}


def permissions_of(role: str) -> set[str]:
    rows = Permission.objects.filter(group__name=role).select_related("content_type")
    return {f"{row.content_type.app_label}.{row.codename}" for row in rows}


def test_each_permission_of_the_requirement_exists_by_itself():
    """D15: permissions are separate."""
    rows = Permission.objects.select_related("content_type")
    assert {f"{row.content_type.app_label}.{row.codename}" for row in rows} >= SEPARATE


@pytest.mark.parametrize("role", roles.PERMISSIONS)
def test_a_group_has_exactly_the_permissions_of_the_table(role):
    """D15: also proves that every codename of the table exists."""
    assert permissions_of(role) == roles.PERMISSIONS[role]


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        ("license manager", "licenses.create_commercial", "accounts.manage_roles"),
        ("license manager", "licenses.revoke_license", "licenses.rotate_signingkey"),
        ("issuer", "licenses.create_test", "licenses.create_commercial"),
        ("issuer", "licenses.view_license", "licenses.see_key_text"),
        ("support", "licenses.see_key_text", "licenses.renew_license"),
        ("sales", "accounts.manage_account", "licenses.see_key_text"),
        ("billing", "licenses.renew_license", "licenses.create_commercial"),
        ("auditor", "history.view_event", "licenses.see_key_text"),
        ("auditor", "accounts.view_apikey", "accounts.manage_account"),
    ],
)
def test_a_role_may_what_it_is_for_and_no_more(role, may, may_not, make_user):
    """D15: each right beside one that the role lacks."""
    user = make_user(role)
    assert user.has_perm(may)
    assert not user.has_perm(may_not)


def test_a_user_without_roles_may_nothing(make_user):
    assert not make_user().get_all_permissions()


def test_the_superadmin_may_everything_without_a_group(superadmin):
    assert not superadmin.groups.exists()
    assert superadmin.has_perm("accounts.manage_credentials")


def test_no_role_may_make_credentials_or_give_roles():
    """C30: those are for superadmins."""
    everything = set().union(*roles.PERMISSIONS.values())
    assert not everything & {
        "accounts.manage_credentials",
        "accounts.manage_roles",
        "licenses.rotate_signingkey",
        "accounts.activate_module",
    }


def test_an_auditor_changes_nothing():
    assert all(".view_" in name for name in roles.PERMISSIONS[roles.AUDITOR])


def test_syncing_repairs_a_role_and_leaves_other_groups_alone():
    group, own = Group.objects.get(name="auditor"), Group.objects.create(name="our own")
    group.permissions.clear()
    own.permissions.set(Permission.objects.all()[:3])
    roles.roles_sync()
    assert permissions_of("auditor") == roles.PERMISSIONS["auditor"]
    assert own.permissions.count() == 3


def test_syncing_twice_changes_nothing(django_assert_num_queries):
    before = {role: permissions_of(role) for role in roles.PERMISSIONS}
    roles.roles_sync()
    assert {role: permissions_of(role) for role in roles.PERMISSIONS} == before
    assert Group.objects.count() == len(roles.PERMISSIONS)


def test_every_role_of_an_api_key_has_scopes():
    """C30: read-only, license-issuer, support, merchant-onboard, full-admin."""
    assert set(roles.SCOPES) == set(ApiKey.RoleName.values)


@pytest.mark.parametrize("role", roles.SCOPES)
def test_no_api_key_ever_holds_a_master_only_scope(role):
    """C30: master-only actions refuse every scoped key."""
    assert not roles.SCOPES[role] & MASTER_ONLY


def test_a_full_admin_key_holds_every_other_scope():
    assert roles.SCOPES["full-admin"] == set(Scope) - MASTER_ONLY


def test_a_read_only_key_reads_only():
    """C30: and no license text, which is a right of its own."""
    assert all(scope.endswith(":read") for scope in roles.SCOPES["read-only"])
    assert Scope.ARTIFACTS_READ not in roles.SCOPES["read-only"]
