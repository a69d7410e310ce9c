"""Members of staff in the admin."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse

from accounts.models import User
from history.models import Event

pytestmark = pytest.mark.django_db

LIST = reverse("admin:accounts_user_changelist")
ADD = reverse("admin:accounts_user_add")
FORM = {
    "email": "jane@signet.example",
    "name": "Jane",
    "how": "password",
    "new_password": "correct horse battery",
}


def page(user: User, name: str = "change") -> str:
    return reverse(f"admin:accounts_user_{name}", args=[user.pk])


def role(name: str) -> int:
    return Group.objects.get(name=name).pk


@pytest.fixture
def root(signed_in, superadmin):
    return signed_in(superadmin)


def test_a_superadmin_makes_a_user_with_roles(root, superadmin):
    """D15: roles are given to users."""
    assert root.post(ADD, {**FORM, "roles": [role("issuer")]}).status_code == 302
    jane = User.objects.get(email="jane@signet.example")
    assert jane.has_perm("licenses.create_test")
    event = Event.objects.filter(kind="user.created").latest("id")
    assert (event.actor, event.data["roles"]) == (f"user:{superadmin.pk}", ["issuer"])


def test_the_new_user_can_sign_in_with_the_password_given(root, client):
    root.post(ADD, FORM)
    assert client.login(username="JANE@signet.example", password=FORM["new_password"])


def test_a_weak_password_is_refused(root):
    answer = root.post(ADD, {**FORM, "new_password": "password1"})
    assert "too common" in str(answer.context["adminform"].form.errors)
    assert not User.objects.filter(email=FORM["email"]).exists()


def test_changing_roles_writes_one_event(root, issuer):
    form = {"email": issuer.email, "name": "Issuer", "is_active": "on", "roles": [role("support")]}
    assert root.post(page(issuer), form).status_code == 302
    event = Event.objects.get(kind="role.changed")
    assert event.data == {"granted": ["support"], "revoked": ["issuer"]}


def test_a_user_is_deactivated_in_a_dialog_and_is_signed_out(root, issuer, signed_in):
    session = signed_in(issuer)
    answer = root.post(page(issuer, "deactivate"), {"_form_submitted": "True"})
    assert answer.headers["HX-Redirect"] == page(issuer)
    assert session.get(reverse("admin:index")).status_code == 302


def test_the_last_superadmin_cannot_be_deactivated(root, superadmin):
    root.post(page(superadmin, "deactivate"), {"_form_submitted": "True"})
    superadmin.refresh_from_db()
    assert superadmin.is_active
    assert "Somebody else must be an active superadmin first." in root.get(LIST).content.decode()


def test_a_refused_change_is_undone_whole(root, superadmin):
    form = {"email": superadmin.email, "name": "New name", "is_active": "on"}
    answer = root.post(page(superadmin), form)
    assert answer.status_code == 200
    superadmin.refresh_from_db()
    assert (superadmin.name, superadmin.is_superuser) == ("nobody", True)


def test_nobody_deletes_a_user(root, issuer):
    assert root.post(page(issuer, "delete"), {"post": "yes"}).status_code == 403


def test_an_auditor_looks_and_changes_nothing(signed_in, auditor, issuer):
    """D15: 403 and no button."""
    browser = signed_in(auditor)
    content = browser.get(page(issuer)).content.decode()
    assert 'name="_save"' not in content
    assert page(issuer, "deactivate") not in content
    assert browser.post(page(issuer), FORM).status_code == 403
    assert browser.get(ADD).status_code == 403


def test_no_page_shows_a_password_hash(root, signed_in, auditor, superadmin):
    for browser in (root, signed_in(auditor)):
        assert superadmin.password not in browser.get(page(superadmin)).content.decode()


def test_other_staff_do_not_see_users(signed_in, license_manager):
    assert signed_in(license_manager).get(LIST).status_code == 403


def test_the_list_takes_the_same_queries_for_any_number_of_rows(
    root, make_user, django_assert_max_num_queries
):
    for number in range(12):
        make_user("issuer", "support", email=f"user{number}@signet.example")
    with django_assert_max_num_queries(8):
        root.get(LIST)


def test_each_role_says_what_it_may_do_beside_its_box(root):
    """D15: roles as check boxes with a plain explanation."""
    content = root.get(ADD).content.decode()
    assert "issuer: Makes test keys and nothing else." in content
    assert "alone gives roles" in content


def test_a_password_is_asked_for_where_no_link_is_sent(root):
    answer = root.post(ADD, {**FORM, "new_password": ""})
    assert answer.context["adminform"].form.errors["new_password"] == [
        "Set a password, or mail a link instead."
    ]


def test_the_list_says_who_has_a_second_factor(root, signed_in, issuer):
    signed_in(issuer)
    rows = {row.email: row.has_factor for row in root.get(LIST).context["cl"].result_list}
    assert rows[issuer.email]


def test_a_superadmin_removes_another_s_second_factor_after_the_consequence(
    root, signed_in, issuer, superadmin
):
    """D15: own dialog, own event."""
    signed_in(issuer)
    address = page(issuer, "remove_second_factor")
    assert address in root.get(page(issuer)).content.decode()
    assert "by password alone" in root.get(address).content.decode()
    assert root.post(address).headers["Location"] == page(issuer)
    event = Event.objects.get(kind="second_factor.removed")
    assert (event.actor, event.subject) == (f"user:{superadmin.pk}", f"user:{issuer.pk}")
    assert address not in root.get(page(issuer)).content.decode()


def test_one_s_own_second_factor_is_removed_on_one_s_own_page_only(root, superadmin):
    assert page(superadmin, "remove_second_factor") not in root.get(page(superadmin)).content.decode()
    assert root.post(page(superadmin, "remove_second_factor")).status_code == 403


def test_others_remove_nobody_s_second_factor(signed_in, auditor, superadmin):
    """D15"""
    signed_in(superadmin)
    browser = signed_in(auditor)
    assert browser.post(page(superadmin, "remove_second_factor")).status_code == 403
    assert browser.post(page(superadmin, "invite")).status_code == 403
