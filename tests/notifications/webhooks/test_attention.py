"""What of mail and webhooks needs attention."""

from __future__ import annotations

from datetime import timedelta

import pytest

from config.attention import look, problem_retry
from config.kit.errors import Refusal
from notifications import attention
from notifications.models import Delivery, Message, WebhookEndpoint
from notifications.services.webhooks import webhook_delete, webhook_update
from tests.notifications.webhooks.conftest import answer

pytestmark = [pytest.mark.django_db, pytest.mark.enable_socket]
BY = {"actor": "user:1"}


def found(source, at):
    return list(look(source, at=at).problems)


@pytest.fixture
def failed(queue, at):
    """A mail that could not be sent."""
    row = queue()
    Message.objects.update(state="failed", error="No route to host", settled_at=at, due_at=None)
    return row


def test_mail_that_failed_is_told_and_sent_again(failed, at):
    """Needs attention: failed mail, with a retry."""
    (problem,) = found(attention.MAIL, at)
    assert "ada@acme.example" in problem.title
    assert "No route to host" in problem.cause
    assert "again" in problem_retry(source=attention.MAIL, key=problem.key, **BY, at=at)
    assert Message.objects.filter(resent_from=failed).exists()
    assert found(attention.MAIL, at) == []


def test_mail_that_came_back_says_so(failed, at):
    Message.objects.update(state="bounced")
    (problem,) = found(attention.MAIL, at)
    assert problem.cause.startswith("It came back.")


def test_the_dead_of_one_endpoint_are_one_problem(make_endpoint, deliver, at):
    """Needs attention: dead webhooks."""
    endpoint = make_endpoint(kinds=["license.issued"])
    deliver(3)
    Delivery.objects.update(state="dead", due_at=None, settled_at=at, last_error="Answered 500.")
    (problem,) = found(attention.DEAD, at)
    assert problem.title == "3 webhooks to Vendor were given up"
    assert "Answered 500." in problem.cause
    problem_retry(source=attention.DEAD, key=problem.key, **BY, at=at)
    assert endpoint.deliveries.filter(state="queued").count() == 3
    assert found(attention.DEAD, at) == []


def test_a_later_death_is_another_problem(make_endpoint, deliver, at):
    """What was set aside stays aside, what died since does not."""
    make_endpoint(kinds=["license.issued"])
    deliver(2)
    Delivery.objects.filter(event__subject="license:L-0").update(state="dead", settled_at=at)
    (first,) = found(attention.DEAD, at)
    Delivery.objects.update(state="dead", settled_at=at)
    (second,) = found(attention.DEAD, at)
    assert first.key != second.key


def test_tests_and_deleted_endpoints_are_no_problem(make_endpoint, deliver, at):
    endpoint = make_endpoint(kinds=["license.issued"])
    Delivery.objects.create(endpoint=endpoint, kind="webhook.test", body="{}", state="dead")
    assert found(attention.DEAD, at) == []
    deliver()
    Delivery.objects.update(state="dead", settled_at=at)
    webhook_delete(endpoint=endpoint, **BY, at=at)
    assert found(attention.DEAD, at) == []


def test_an_endpoint_that_wore_out_is_told_and_switched_on(make_endpoint, deliver, send, serve, clock):
    """Needs attention: switched off after five days, with the reason."""
    endpoint = make_endpoint(serve(answer(500)), kinds=["license.issued"])
    deliver()
    send(endpoint)
    began = clock.at
    clock.advance(timedelta(days=5))
    deliver()
    send(endpoint)
    (problem,) = found(attention.SWITCHED_OFF, clock.at)
    assert (problem.since, problem.urgent) == (began, True)
    assert "Answered 500" in problem.cause
    problem_retry(source=attention.SWITCHED_OFF, key=problem.key, **BY, at=clock.at)
    assert WebhookEndpoint.objects.get().enabled
    assert found(attention.SWITCHED_OFF, clock.at) == []


def test_what_staff_switched_off_is_their_own_affair(make_endpoint, at):
    webhook_update(endpoint=make_endpoint(), changes={"enabled": False}, **BY, at=at)
    assert found(attention.SWITCHED_OFF, at) == []


def test_an_address_is_not_shown_beyond_its_host(make_endpoint, at):
    """Trust: an address may be a secret of the receiver's."""
    make_endpoint("https://hooks.example.com/T000/hush")
    WebhookEndpoint.objects.update(enabled=False, disabled_reason="It answered 410 Gone.")
    (problem,) = found(attention.SWITCHED_OFF, at)
    assert "hooks.example.com" in problem.title
    assert "hush" not in str(problem)


@pytest.mark.parametrize("source", [attention.MAIL, attention.DEAD, attention.SWITCHED_OFF])
@pytest.mark.parametrize("key", ["", "x", "9" * 30, "-1", "999"])
def test_a_key_of_nothing_is_refused(source, key, at):
    with pytest.raises(Refusal):
        problem_retry(source=source, key=key, **BY, at=at)
