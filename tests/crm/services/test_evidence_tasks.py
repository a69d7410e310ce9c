"""Tasks by which evidence is followed: made once where the CRM is shown, plain references where it is not."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.urls import reverse

from config.kit.errors import Invalid
from crm.models import Task
from crm.services.replaying import history_replay
from crm.services.tasks import task_move
from history.models import ParkedEvent
from trials.domain.evidence.words import (
    DeliveryState,
    HandoffKind,
    NotificationChannel,
    StageName,
    TrackingKind,
)
from trials.models import EvaluatorNotification
from trials.services.evidence.drafting import evidence_draft
from trials.services.evidence.handoffs import handoff_set
from trials.services.evidence.notifying import evaluator_notify, notification_state_set
from trials.services.evidence.packages import latest_of
from trials.services.running import trial_sweep

pytestmark = pytest.mark.django_db

BY = {"actor": "user:1"}
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _nothing_is_parked(db):
    yield
    assert list(ParkedEvent.objects.values_list("error", flat=True)) == []


@pytest.fixture
def late(running):
    return running.ends_at + HOUR


@pytest.fixture
def package(running, late):
    """The follow-up of a trial that ran out."""
    trial_sweep(at=late)
    evidence_draft(at=late)
    return latest_of(running, StageName.FOLLOW_UP)


def told(package, at, **given):
    return evaluator_notify(package=package, channel=NotificationChannel.CRM_TASK, **given, **BY, at=at)


def handed(package, at, **given):
    return handoff_set(
        package=package, kind=HandoffKind.SALES, tracking_kind=TrackingKind.CRM_TASK, **given, **BY, at=at
    )


def follow_ups():
    return Task.objects.filter(kind="follow_up")


def test_an_evaluator_is_told_by_a_task_that_the_crm_makes(crm_on, package, late, follow):
    """B14, B18: once, with account, person and the way to the evidence; finishing it says that they were told."""
    row = told(package, late)
    assert row.tracking_ref == f"task:{row.uid}"
    assert latest_of(package.trial, StageName.FOLLOW_UP).values["delivery_tracking_ref"] == row.tracking_ref
    for _ in range(2):
        follow(late)
    task = follow_ups().get()
    assert (task.uid, task.account, task.person.email) == (
        row.uid,
        package.trial.account,
        package.trial.email,
    )
    assert (task.subject_type, task.subject_id) == ("evidence", str(package.uid))
    assert task.title.endswith("tell the evaluator how the trial ended")
    task_move(task=task, to="done", **BY, at=late + HOUR)
    follow(late + HOUR)
    row.refresh_from_db()
    assert (row.state, row.state_at) == ("delivered", late + HOUR)


def test_a_handoff_is_one_task_a_team_whatever_version_asks_for_it(crm_on, package, late, follow):
    """B15."""
    first = handed(package, late).tracking_ref
    again = handed(package, late, owner_ref="user:7", tracking_ref=first).tracking_ref
    follow(late)
    task = follow_ups().get()
    assert first == again == f"task:{task.uid}"
    assert task.title.endswith("sales takes the trial over")


def test_reading_again_makes_the_same_tasks_and_undoes_nothing(crm_on, package, late, follow):
    """B14, B18: the reference still leads there, and what was said after the task was finished holds."""
    row = told(package, late)
    follow(late)
    task_move(task=follow_ups().get(), to="done", **BY, at=late)
    follow(late)
    notification_state_set(uid=str(row.uid), state=DeliveryState.FAILED, **BY, at=late + HOUR)
    history_replay(at=late + HOUR)
    assert [(task.uid, task.status) for task in follow_ups()] == [(row.uid, "done")]
    Task.objects.all().delete()
    history_replay(at=late + HOUR)
    assert [task.uid for task in follow_ups()] == [row.uid]
    assert EvaluatorNotification.objects.get().state == "failed"


def test_a_reference_that_somebody_gave_is_theirs(crm_on, package, late, follow):
    """B14, B15: what is there already is not made a second time."""
    told(package, late, tracking_ref="task:9")
    handed(package, late, tracking_ref="task:8")
    follow(late)
    assert not follow_ups().exists()


def test_while_the_crm_is_hidden_references_are_typed(package, late, follow):
    """B14, B15: nobody would see the task."""
    with pytest.raises(Invalid):
        told(package, late)
    assert handed(package, late).tracking_ref == ""
    told(package, late, tracking_ref="task:9")
    follow(late)
    assert not follow_ups().exists()


def page(package):
    return reverse("admin:trials_evidencepackage_change", args=[package.pk])


def test_evidence_leads_to_its_task_and_back_for_who_may_see_it(
    crm_on, package, late, follow, signed_in, superadmin, make_user
):
    """B15, D17: by name for who may see tasks; for others the reference stands as it is."""
    reference = handed(package, late, next_action_ref=f"task:{uuid.UUID(int=9)}").tracking_ref
    follow(late)
    task, root = follow_ups().get(), signed_in(superadmin)
    there = reverse("admin:crm_task_change", args=[task.pk])
    shown = root.get(page(package)).content.decode()
    assert f'<a href="{there}" class="text-link" title="{reference}">task {task.pk}</a>' in shown
    assert f"task:{uuid.UUID(int=9)}" in shown
    text = root.get(there).content.decode()
    assert reference in text
    assert page(package) in text
    plain = signed_in(make_user("evidence approver")).get(page(package)).content.decode()
    assert reference in plain
    assert there not in plain


def test_a_handoff_is_offered_as_a_task_where_there_are_tasks(
    package, signed_in, superadmin, own_license_grants, at
):
    """B15."""
    from crm.services.section import section_activate
    from licenses.domain.tier_caps import CAPS

    form = reverse("admin:trials_evidencepackage_handoff", args=[package.pk])
    root = signed_in(superadmin)
    assert root.get(form).context["form"].initial == {"tracking_kind": "external"}
    own_license_grants("crm", *(rule.entitlement for rule in CAPS.values()))
    section_activate(actor="cli:test", at=at)
    assert root.get(form).context["form"].initial == {"tracking_kind": "crm_task"}
