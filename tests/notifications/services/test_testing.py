"""A template mailed to who looks at it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from config.kit.errors import TooMany
from notifications.errors import UnknownTemplate
from notifications.services.testing import MOST, template_send

pytestmark = pytest.mark.django_db


@pytest.fixture
def send(superadmin, at):
    def do(sample="commercial", when=at):
        return template_send(template="license_delivery", sample=sample, user=superadmin, at=when)

    return do


def test_a_test_goes_to_who_asked_and_is_of_its_own_stream(send, superadmin):
    message = send()
    assert (message.recipient, message.stream) == (superadmin.email, "test")
    assert message.created_by == f"user:{superadmin.pk}"


def test_each_test_is_a_mail_of_its_own(send):
    assert send() != send()


def test_a_sample_that_is_not_there_is_refused(send):
    with pytest.raises(UnknownTemplate):
        send("nothing")


def test_an_hour_has_so_many_tests_and_no_more(send, at):
    for _ in range(MOST):
        send()
    with pytest.raises(TooMany):
        send()
    assert send(when=at + timedelta(hours=1, seconds=1))
