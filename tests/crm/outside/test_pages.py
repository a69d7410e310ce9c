"""The pages of the sync: connect, map, look dry, compare, decide, send again; and who may."""

from __future__ import annotations

import base64
import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from config.kit.sealing import seal, stores_reseal
from crm.models import Connection, Person, Section, SyncConflict, SyncJob, SyncRun
from crm.services.sync_connections import connection_detect, connection_map, connection_update
from crm.services.sync_queueing import run_queue_page
from crm.services.sync_recording import conflict_note
from crm.sync_tasks import sync
from history.models import Event
from tests.crm.fakes.server import TOKEN
from tests.crm.outside.conftest import ACTOR, SECRET, change, person, task

pytestmark = [pytest.mark.enable_socket, pytest.mark.usefixtures("shown")]
LIST = "admin:crm_connection_changelist"


def page(name, row):
    return reverse(f"admin:crm_{name}", args=[row.pk])


def test_staff_connect_a_crm_and_its_credentials_are_never_shown(outside, signed_in, superadmin):
    """D18: credentials encrypted, never shown again."""
    fake, client = outside("twenty").fake, signed_in(superadmin)
    given = {"kind": "twenty", "name": "Second", "base_url": fake.base, "token": TOKEN, "secret": SECRET}
    answer = client.post(reverse("admin:crm_connection_add"), given, follow=True)
    row = Connection.objects.get(name="Second")
    assert answer.redirect_chain
    client.post(page("connection_detect", row))
    client.post(page("connection_switch", row), {"enabled": "1"})
    row.refresh_from_db()
    assert row.is_running
    seen = [answer, client.get(page("connection_change", row)), client.get(page("connection_credentials", row)),
            client.get(page("connection_edit", row)), client.get(reverse(LIST))]  # fmt: skip
    refused = client.post(reverse("admin:crm_connection_add"), {**given, "kind": "none"})
    for one in (*seen, refused):
        assert one.status_code == 200
        assert TOKEN not in one.content.decode()
        assert SECRET not in one.content.decode()
    assert TOKEN.encode() not in bytes(row.token_sealed)
    assert TOKEN not in str(list(Event.objects.values_list("data", flat=True)))
    assert stores_reseal()["crm_credentials"] == 2


@pytest.mark.parametrize(
    "base",
    ["http://crm.example", "https://10.0.0.1", "https://localhost", "https://user@crm.example", "ftp://x"],
)
def test_an_address_that_leads_inside_is_refused(outside, signed_in, superadmin, settings, base):
    """Trust: the guard of outgoing addresses."""
    made = outside("twenty")
    settings.WEBHOOK_ALLOW_INSECURE = False
    client = signed_in(superadmin)
    given = {
        "name": "Sales",
        "base_url": base,
        "sends": ["person"],
        "budget_requests": 9,
        "budget_seconds": 9,
    }
    assert client.post(page("connection_edit", made.row), given).status_code == 200
    made.row.refresh_from_db()
    assert made.row.base_url == made.fake.base


def test_a_credential_is_not_carried_to_another_address(outside, signed_in, superadmin):
    """D18, trust: who may change the address does not get the sealed token sent to it."""
    made, other = outside("twenty"), outside("twenty", enabled=False)
    person()
    client, edit = signed_in(superadmin), page("connection_edit", made.row)
    given = {"name": "Sales", "base_url": other.fake.base, "sends": ["person"], "budget_requests": 9,
             "budget_seconds": 9}  # fmt: skip
    assert "is not sent there" in client.post(edit, given).content.decode()
    client.post(page("connection_detect", made.row))
    assert other.fake.asked == []
    assert client.post(edit, {**given, "token": "another-token"}).status_code == 302
    made.row.refresh_from_db()
    assert (made.row.base_url, made.row.enabled, made.row.detected_at) == (other.fake.base, False, None)
    client.post(page("connection_detect", made.row))
    assert TOKEN not in str(other.fake.tokens)
    assert "another-token" in other.fake.tokens


def test_an_address_whose_records_are_linked_stays(outside, signed_in, superadmin):
    """D18: at another address every known record would seem deleted, and nobody would be sent again."""
    made, other = outside("twenty"), outside("twenty", enabled=False)
    person()
    made.sync()
    given = {"name": "Sales", "base_url": other.fake.base, "token": TOKEN, "sends": ["person"],
             "budget_requests": 9, "budget_seconds": 9}  # fmt: skip
    answer = signed_in(superadmin).post(page("connection_edit", made.row), given)
    assert "Make a new connection" in answer.content.decode()
    made.row.refresh_from_db()
    assert (made.row.base_url, made.row.enabled) == (made.fake.base, True)


def test_a_key_of_another_workspace_is_refused_once_records_are_linked(outside, signed_in, superadmin):
    """D18: with it everybody would seem deleted; another key of the same workspace goes in."""
    made = outside("twenty")
    client, credentials = signed_in(superadmin), page("connection_credentials", made.row)
    person()
    made.sync()
    Connection.objects.update(token_sealed=seal(_key("one", "1").encode()))
    assert "of another workspace" in client.post(credentials, {"token": _key("two", "2")}).content.decode()
    for other in (_key("one", "2"), "no.token.really", TOKEN):
        assert client.post(credentials, {"token": other}).status_code == 302


def test_a_token_of_another_portal_is_refused_until_the_links_are_to_be_forgotten(
    outside, signed_in, superadmin
):
    """D18: HubSpot's token names no portal, so HubSpot is asked; nobody is buried, and all are looked up anew."""
    made = outside("hubspot")
    client, credentials = signed_in(superadmin), page("connection_credentials", made.row)
    ada = person()
    made.sync()
    before = made.link(ada).external_id
    made.fake.portal = 4712
    made.fake.add("contacts", email="nobody@else.example")
    made.fake.taken = {TOKEN, "token-two"}
    assert "of another workspace" in client.post(credentials, {"token": "token-two"}).content.decode()
    made.fake.fail(403, b'{"category":"MISSING_SCOPES","message":"no"}', on="account-info")
    assert "does not say whose" in client.post(credentials, {"token": "token-two"}).content.decode()
    edit = {"name": "Sales", "base_url": made.fake.base, "token": "token-two", "sends": ["person"],
            "budget_requests": 9, "budget_seconds": 9}  # fmt: skip
    assert "Credentials" in client.post(page("connection_edit", made.row), edit).content.decode()
    made.fake.empty()
    assert client.post(credentials, {"token": "token-two", "forget": "on"}).status_code == 302
    made.sync()
    assert made.link(ada).external_id not in {"", before}
    assert not made.row.links.exclude(tombstone_at=None).exists()
    made.fake.portal = 4712
    assert client.post(credentials, {"token": TOKEN}).status_code == 302


def test_a_workspace_counts_from_the_first_record_that_is_linked(outside, signed_in, superadmin):
    """D18: a connection that was pointed elsewhere before anything was sent is of the new place."""
    made = outside("hubspot")
    client = signed_in(superadmin)
    made.fake.portal, made.fake.taken = 4712, {TOKEN, "token-two"}
    assert client.post(page("connection_credentials", made.row), {"token": "token-two"}).status_code == 302
    connection_detect(connection=made.row, actor="user:1", pace=made.pace)
    made.row.refresh_from_db()
    assert made.row.workspace == "4712"


def _key(workspace, number):
    """A key as Twenty makes them."""
    parts = ({"alg": "HS256"}, {"sub": workspace, "workspaceId": workspace, "jti": number}, {})
    return ".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts)


def test_fields_are_chosen_and_the_new_ones_are_sent(twenty, signed_in, superadmin):
    """D18: the mapping is shown and can be overridden; what changes by it is sent."""
    ada, client = person(engagement="active"), signed_in(superadmin)
    twenty.sync()
    shown = client.get(page("connection_change", twenty.row)).content.decode()
    assert "signetLastSeen" in shown
    form = client.get(reverse("admin:crm_connection_mapping", args=[twenty.row.pk, "person"])).context["form"]
    data = {name: field.initial for name, field in form.fields.items()}
    data |= {"engagement": "jobTitle", "job_title": ""}
    client.post(reverse("admin:crm_connection_mapping", args=[twenty.row.pk, "person"]), data)
    twenty.sync()
    assert twenty.fake.person(ada.email)["jobTitle"] == "active"


def test_a_field_may_not_be_used_twice_nor_an_address_go_nowhere(twenty):
    """D18"""
    from config.kit.errors import Invalid
    from crm.domain.sync.fields import ObjectKind

    for chosen in (
        {"version": ("jobTitle", "always")},
        {"email": ("", "always")},
        {"version": ("no", "always")},
    ):
        with pytest.raises(Invalid):
            connection_map(
                connection=twenty.row, kind=ObjectKind.PERSON, chosen=chosen, actor=ACTOR, at=twenty.clock.at
            )


def test_a_dry_run_says_what_would_be_done_and_does_nothing(either, signed_in, superadmin):
    """D18: dry run, a readable difference."""
    ada = person(engagement="active")
    either.sync()
    change(ada, either.clock.at, engagement="dormant")
    person(2)
    before = len(either.fake.asked)
    text = signed_in(superadmin).post(page("connection_preview", either.row)).content.decode()
    assert "active becomes <strong>dormant</strong>" in text
    assert "ada2@acme.example" in text
    assert either.writes([one.line for one in either.fake.asked[before:]]) == []
    assert SyncJob.objects.count() == 0


def test_an_answer_that_nobody_can_make_sense_of_is_said_on_the_page(twenty, signed_in, superadmin):
    """D18: reading the fields and the dry run have a sentence for it, and no broken page."""
    person()
    client = signed_in(superadmin)
    twenty.fake.fail(
        200, b'{"data":{"objects":[{"nameSingular":"person","fields":[{"name":"x","type":[]}]}]}}'
    )
    answer = client.post(page("connection_detect", twenty.row), follow=True)
    assert "We could not make sense of an answer" in answer.content.decode()
    twenty.fake.fail(200, b'{"data":{"people":[{"id":["x"]}]}}')
    answer = client.post(page("connection_preview", twenty.row))
    assert "We could not make sense of an answer" in answer.content.decode()
    twenty.row.refresh_from_db()
    assert "signetEngagement" in str(twenty.row.remote)


def test_a_comparison_puts_right_what_drifted_and_shows_how_far_it_is(either, signed_in, superadmin):
    """D18: full resync with progress; what is right is not written again."""
    for number in range(3):
        person(number, engagement="active")
    either.sync()
    table = "people" if either.row.kind == "twenty" else "contacts"
    drifted = either.fake.living(table)[1]
    values = drifted if either.row.kind == "twenty" else drifted["properties"]
    values["signetEngagement" if either.row.kind == "twenty" else "signet_engagement"] = "drifted"
    client = signed_in(superadmin)
    client.post(page("connection_compare", either.row))
    assert "0 of 3" in client.get(page("connection_change", either.row)).content.decode()
    assert len(either.writes(either.sync())) == 1
    assert "drifted" not in str(either.fake.living(table))
    assert "3 of 3" in client.get(page("connection_change", either.row)).content.decode()
    assert SyncRun.objects.get().ended_at is not None


def test_a_comparison_ends_without_the_kinds_that_are_not_sent_any_more_and_can_be_stopped(
    twenty, signed_in, superadmin
):
    """D18: the bar does not stand still for ever, and another can be started."""
    client, by = signed_in(superadmin), {"actor": ACTOR, "at": twenty.clock.at}
    task(person())
    twenty.sync()
    for sends in (["person"], ["task"]):
        connection_update(connection=twenty.row, changes={"sends": ["person", "task"]}, **by)
        client.post(page("connection_compare", twenty.row))
        while run_queue_page(run_id=SyncRun.objects.latest("pk").pk, at=twenty.clock.at):
            pass
        connection_update(connection=twenty.row, changes={"sends": sends}, **by)
        twenty.sync()
        assert SyncRun.objects.latest("pk").ended_at is not None
    client.post(page("connection_compare", twenty.row))
    assert "Stop comparing" in client.get(page("connection_change", twenty.row)).content.decode()
    client.post(page("connection_stop", twenty.row))
    assert not SyncRun.objects.filter(ended_at=None).exists()
    assert not SyncJob.objects.exclude(run=None).filter(run__ended_at=None).exists()
    assert "Stop comparing" not in client.get(page("connection_change", twenty.row)).content.decode()
    assert Event.objects.latest("pk").data == {"stopped": True}


def test_failed_records_and_refused_credentials_wait_for_a_person(either, signed_in, superadmin):
    """D18: a page of failed jobs with retry; "Needs attention" shows them."""
    person(1, name="refused")
    either.sync()
    (job,) = SyncJob.objects.all()
    client = signed_in(superadmin)
    assert "refused as it is" in client.get(reverse("admin:crm_syncjob_changelist")).content.decode()
    text = client.get(reverse("admin:attention")).content.decode()
    assert "1 record could not be sent to Sales" in text
    client.post(page("syncjob_retry", job))
    job.refresh_from_db()
    assert (job.state, job.attempts) == (SyncJob.State.WAITING, 0)
    either.fake.fail(401, b'{"message":"expired"}')
    person(2)
    either.sync()
    assert "Nothing is sent to Sales any more" in client.get(reverse("admin:attention")).content.decode()


def test_a_conflict_is_decided_on_its_page(twenty, signed_in, superadmin):
    """D18"""
    ada = person(job_title="Director")
    twenty.sync()
    conflict_note(connection=twenty.row, kind="person", object_id=ada.pk, name="job_title",
                  ours="Director", theirs="<b>CTO</b>", at=twenty.clock.at)  # fmt: skip
    conflict, client = SyncConflict.objects.get(), signed_in(superadmin)
    text = client.get(page("syncconflict_change", conflict)).content.decode()
    assert "&lt;b&gt;CTO&lt;/b&gt;" in text
    assert "1 field changed here" in client.get(reverse("admin:attention")).content.decode()
    client.post(page("syncconflict_theirs", conflict))
    ada.refresh_from_db()
    assert ada.job_title == "<b>CTO</b>"


def test_a_viewer_looks_and_changes_nothing(twenty, signed_in, auditor):
    """D15, D18"""
    client = signed_in(auditor)
    person(1, name="refused")
    twenty.sync()
    (job,) = SyncJob.objects.all()
    assert client.get(page("connection_change", twenty.row)).status_code == 200
    deeds = ("switch", "detect", "preview", "compare", "stop", "remove", "edit", "credentials")
    for name, row in [*((f"connection_{deed}", twenty.row) for deed in deeds), ("syncjob_retry", job)]:
        assert client.post(page(name, row)).status_code == 403


def test_without_the_section_there_is_no_page_and_nothing_is_sent(twenty, signed_in, superadmin):
    """D17: off hides it and stops it; on again, what changed meanwhile is sent."""
    person()
    Section.objects.update(active=False)
    client = signed_in(superadmin)
    for address in (reverse(LIST), page("connection_change", twenty.row), reverse("admin:crm_syncjob_changelist"),
                    reverse("admin:crm_syncconflict_changelist"), page("connection_edit", twenty.row)):  # fmt: skip
        assert client.get(address).status_code == 404
    assert sync() == 0
    assert twenty.fake.asked == []
    Section.objects.update(active=True)
    assert sync() == 1
    assert len(twenty.fake.living("people")) == 1


def test_the_lists_ask_as_much_for_many_as_for_one(twenty, signed_in, superadmin):
    """Practices: a list has a bound of queries."""
    client, counts = signed_in(superadmin), []
    for number in range(12):
        person(number, name="refused")
        if number in {1, 11}:
            twenty.sync()
            for row in Person.objects.all():
                conflict_note(connection=twenty.row, kind="person", object_id=row.pk, name="phone",
                              ours="1", theirs="2", at=twenty.clock.at)  # fmt: skip
            for model in ("syncjob", "syncconflict"):
                with CaptureQueriesContext(connection) as seen:
                    client.get(reverse(f"admin:crm_{model}_changelist"))
                counts.append(len(seen))
    assert counts[:2] == counts[2:]
