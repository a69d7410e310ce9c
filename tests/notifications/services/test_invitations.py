"""Invitations of staff by mail."""

from __future__ import annotations

import pytest
from django.core import mail
from django.urls import reverse

from accounts.services.invitations import user_invite
from notifications.models import Message

pytestmark = pytest.mark.django_db


@pytest.fixture
def invited(issuer, at, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        return user_invite(user=issuer, actor="user:1", at=at)


def test_the_link_reaches_its_user(invited, issuer):
    """D15: invite by e-mail."""
    assert invited.mailed
    assert mail.outbox[0].to == [issuer.email]
    assert invited.link in mail.outbox[0].body
    assert "account" in mail.outbox[0].subject


def test_in_the_log_only_a_superadmin_reads_the_link(invited, signed_in, make_user, superadmin):
    """D15: who sees mail and keys gets into nobody's account by them."""
    row = Message.objects.get()
    page = reverse("admin:notifications_message_change", args=[row.pk])
    reveal = reverse("admin:notifications_message_key", args=[row.pk])
    support = signed_in(make_user("support"))
    assert invited.link not in support.get(page).content.decode()
    assert support.post(reveal).status_code == 403
    assert invited.link in signed_in(superadmin).post(reveal).content.decode()


def test_a_second_invitation_is_a_second_mail(invited, issuer, at):
    from datetime import timedelta

    user_invite(user=issuer, actor="user:1", at=at + timedelta(seconds=1))
    assert Message.objects.count() == 2
