"""Bulk generation, imports and the page of a job, as staff see them."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Account
from config.kit.sealing import unseal
from history.models import Event
from licenses.models import Issuance, Job, License
from licenses.services.job_checks import generation_check
from licenses.services.jobs import STALE, job_run

pytestmark = pytest.mark.django_db

LIST = reverse("admin:licenses_job_changelist")
GENERATE = reverse("admin:licenses_job_generate")
IMPORT = reverse("admin:licenses_job_import")
OLD = "product,legacy_key,account,plan,starts,ends\ndemo,OLD-1,acme,enterprise,2020-01-01,2027-12-31\n"


def csv_file(text, name="list.csv"):
    return SimpleUploadedFile(
        name, text if isinstance(text, bytes) else text.encode(), content_type="text/csv"
    )


def errors(answer):
    return {name: list(found) for name, found in answer.context["form"].errors.items()}


def do(browser, job, verb):
    return browser.post(reverse("admin:licenses_job_do", args=[job.pk, verb]), follow=True)


def rows(answer):
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))


def messages(answer):
    return [str(message) for message in answer.context["messages"]]


@pytest.fixture
def office(customer, prospect, enterprise, signing):
    """Two accounts, a plan, keys."""


@pytest.fixture
def job(office, manager, enterprise):
    """A checked list: Acme and Globex will do, nobody will not."""
    manager.post(GENERATE, {"accounts": "acme\nnobody\nglobex", "plan": enterprise.pk, "persist": "on"})
    return Job.objects.get()


@pytest.fixture
def done(job, manager, django_capture_on_commit_callbacks):
    """The same after its run."""
    with django_capture_on_commit_callbacks(execute=True):
        do(manager, job, "start")
    job.refresh_from_db()
    return job


# --- bulk generation --------------------------------------------------------------------------------


def test_a_pasted_list_is_checked_before_anything_is_made(manager, license_manager, job):
    """D6"""
    assert (job.kind, job.state, job.total, job.refused) == ("generate", "checked", 3, 1)
    assert (job.creator, job.created_by) == (license_manager, f"user:{license_manager.pk}")
    answer = manager.get(reverse("admin:licenses_job_change", args=[job.pk]))
    text = answer.content.decode()
    assert "2 licenses would be made; 1 row with errors left out." in text
    assert "There is no account “nobody”" in text
    assert not License.objects.exists()


def test_a_press_makes_one_license_a_row(done, license_manager):
    """D6, D7: by a task, under the name of who asked."""
    assert (done.state, done.done, done.refused) == ("done", 2, 1)
    made = License.objects.order_by("pk")
    assert [row.account.slug for row in made] == ["acme", "globex"]
    assert {row.creator for row in made} == {license_manager}
    assert Issuance.objects.exclude(artifact=None).count() == 2


def test_a_file_may_say_more_of_each_row(manager, office, enterprise, trial):
    """D6"""
    text = "account;plan;seats\nacme;enterprise;7\nglobex;trial;\n"
    manager.post(GENERATE, {"file": csv_file(text), "seats": "9"})
    job = Job.objects.get()
    assert (job.refused, job.order["file"], job.order["plan"]) == (0, "list.csv", None)
    assert job.order["terms"]["seats"] == 9


@pytest.mark.parametrize(
    "text",
    ["acme\nglobex", "acme, globex", "acme;globex", "acme\tglobex", "\n acme \n\nglobex\n", "Acme\nGlobex"],
)
def test_a_list_is_read_as_people_paste_it(manager, office, enterprise, text):
    """D6"""
    manager.post(GENERATE, {"accounts": text, "plan": enterprise.pk})
    job = Job.objects.get()
    assert (job.total, job.refused) == (2, 0)


def test_a_name_with_a_comma_is_one_name(manager, office, enterprise, make_account):
    """D6"""
    make_account("Hooli, Inc")
    manager.post(GENERATE, {"accounts": "Hooli, Inc", "plan": enterprise.pk})
    assert (Job.objects.get().total, Job.objects.get().refused) == (1, 0)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "accounts"),
        ({"accounts": "  \n "}, "accounts"),
        ({"accounts": "account,colour\nacme,red"}, "accounts"),
        ({"accounts": 'account,plan\n"acme'}, "accounts"),
        ({"accounts": "acme", "seats": "-1"}, "seats"),
        ({"accounts": "acme", "days": "3", "perpetual": "on"}, "perpetual"),
        ({"accounts": "acme", "entitlements": "{"}, "entitlements"),
        ({"accounts": "acme\n" * 20_001}, "accounts"),
    ],
)
def test_what_does_not_fit_stands_at_its_field(manager, office, enterprise, given, field):
    """D6: and what was typed is kept."""
    answer = manager.post(GENERATE, {"plan": enterprise.pk, **given})
    assert field in errors(answer)
    assert answer.context["form"]["accounts"].value() == given.get("accounts")
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        ("account\nB\u00fccher".encode("latin-1"), "UTF-8"),
        ("account\nacme".encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04", "Excel"),
        (b"account,account\n", "twice"),
    ],
)
def test_a_file_that_is_no_table_is_said_at_its_field(manager, office, enterprise, data, words):
    """D1, D6"""
    for address in (GENERATE, IMPORT):
        answer = manager.post(address, {"plan": enterprise.pk, "file": csv_file(data)})
        assert words in errors(answer)["file"][0]


def test_a_list_and_a_file_at_once_are_asked_back(manager, office, enterprise):
    answer = manager.post(
        GENERATE, {"plan": enterprise.pk, "accounts": "acme", "file": csv_file("account\nacme")}
    )
    assert "file" in errors(answer)


def test_who_makes_test_keys_makes_lists_of_them_and_nothing_else(tester, office, enterprise):
    """D15"""
    tester.post(GENERATE, {"accounts": "acme", "plan": enterprise.pk})
    assert Job.objects.get().refused == 1
    tester.post(GENERATE, {"accounts": "acme", "plan": enterprise.pk, "kind": "test"})
    assert Job.objects.latest("pk").refused == 0
    assert tester.get(IMPORT).status_code == 403


@pytest.mark.parametrize("address", [GENERATE, IMPORT])
def test_who_makes_no_licenses_has_no_page_and_no_button(looker, address):
    """D15"""
    assert looker.get(address).status_code == 403
    assert address not in looker.get(LIST).content.decode()


def test_the_example_files_are_read_again(manager, office, enterprise, make_account):
    """D1, D6: what we hand out, we take."""
    text = b"".join(manager.get(reverse("admin:licenses_job_generate_template")).streaming_content)
    Account.objects.filter(slug="globex").update(email="ops@globex.example")
    manager.post(GENERATE, {"plan": enterprise.pk, "file": csv_file(text)})
    assert (Job.objects.get().total, Job.objects.get().refused) == (2, 0)
    text = b"".join(manager.get(reverse("admin:licenses_job_import_template")).streaming_content)
    manager.post(IMPORT, {"create_accounts": "on", "file": csv_file(text)})
    assert (Job.objects.latest("pk").total, Job.objects.latest("pk").refused) == (2, 0)


# --- import -----------------------------------------------------------------------------------------


def test_an_import_is_checked_confirmed_and_done(manager, office, django_capture_on_commit_callbacks):
    """D1: upload, dry run with a summary, confirm."""
    answer = manager.post(IMPORT, {"file": csv_file(OLD, "old.csv")}, follow=True)
    assert "1 to import, 0 there already, 0 with errors, 0 new accounts." in answer.content.decode()
    assert not License.objects.exists()
    with django_capture_on_commit_callbacks(execute=True):
        answer = do(manager, Job.objects.get(), "start")
    row = License.objects.get()
    assert (row.origin, row.legacy_key) == ("legacy", "OLD-1")
    page = manager.get(reverse("admin:licenses_job_change", args=[Job.objects.get().pk])).content.decode()
    assert reverse("admin:licenses_license_change", args=[row.pk]) in page


def test_a_long_file_is_checked_by_a_worker_while_the_page_waits(
    manager, office, monkeypatch, django_capture_on_commit_callbacks
):
    """D1: the answer comes at once, the bar follows, and the summary stands there in the end."""
    from licenses.services import job_checks

    monkeypatch.setattr(job_checks, "AT_ONCE", 0)
    with django_capture_on_commit_callbacks() as waiting:
        answer = manager.post(IMPORT, {"file": csv_file(OLD)}, follow=True)
    assert messages(answer) == ["The rows are being checked. Nothing has happened yet."]
    assert b"Every row is being checked" in answer.content
    job = Job.objects.get()
    progress = reverse("admin:licenses_job_progress", args=[job.pk])
    assert manager.get(progress).json()["open"] is True
    for callback in waiting:
        callback()
    after = manager.get(progress).json()
    assert (after["open"], after["state"]) == (False, "checked")


def test_an_imported_license_is_listed_and_cannot_be_signed(
    manager, office, django_capture_on_commit_callbacks
):
    """D1: in the list with the rest; no button to issue or renew it, and a sentence for who tries."""
    manager.post(IMPORT, {"file": csv_file(OLD)})
    with django_capture_on_commit_callbacks(execute=True):
        do(manager, Job.objects.get(), "start")
    row = License.objects.get()
    assert row.public_id[-8:] in manager.get(reverse("admin:licenses_license_changelist")).content.decode()
    issue = reverse("admin:licenses_license_issue", args=[row.pk])
    assert (
        f'href="{issue}"'
        not in manager.get(reverse("admin:licenses_license_change", args=[row.pk])).content.decode()
    )
    assert "older tool" in manager.post(issue, {}).content.decode()
    assert not Issuance.objects.exists()


def test_a_second_import_skips_what_is_there(manager, office, django_capture_on_commit_callbacks):
    """D1: idempotent by legacy key."""
    for _ in range(2):
        manager.post(IMPORT, {"file": csv_file(OLD)})
        with django_capture_on_commit_callbacks(execute=True):
            answer = do(manager, Job.objects.latest("pk"), "start")
    assert "No row is left to be done." in messages(answer)
    assert License.objects.count() == 1


def test_an_import_with_errors_cannot_be_confirmed(manager, office):
    """D1: no button, and a refusal for who presses it all the same."""
    manager.post(IMPORT, {"file": csv_file(OLD + "demo,OLD-2,nobody,enterprise,2020-01-01,46387\n")})
    job = Job.objects.get()
    text = manager.get(reverse("admin:licenses_job_change", args=[job.pk])).content.decode()
    assert reverse("admin:licenses_job_do", args=[job.pk, "start"]) not in text
    assert "how a spreadsheet counts days" in text
    assert "1 row has an error" in messages(do(manager, job, "start"))[0]
    assert not License.objects.exists()


def test_errors_are_downloaded_put_right_and_sent_again(manager, office):
    """D1: the report has the columns of the file."""
    manager.post(IMPORT, {"file": csv_file(OLD.replace("2027-12-31", "31.12.2027").replace("OLD-1", "=OLD"))})
    found = rows(manager.get(reverse("admin:licenses_job_errors", args=[Job.objects.get().pk])))
    assert [(row["line"], row["legacy_key"], row["ends"]) for row in found] == [("2", "'=OLD", "31.12.2027")]
    assert "2027-12-31" in found[0]["error"]
    text = io.StringIO()
    writer = csv.DictWriter(text, found[0])
    writer.writeheader()
    writer.writerow({**found[0], "ends": "2027-12-31"})
    manager.post(IMPORT, {"file": csv_file(text.getvalue())})
    mended = Job.objects.latest("pk")
    assert (mended.refused, mended.rows.get().data["cells"]["legacy_key"]) == (0, "=OLD")


def test_a_check_can_be_repeated_after_something_was_put_right(manager, job, make_account):
    make_account("Nobody")
    do(manager, job, "check")
    job.refresh_from_db()
    assert job.refused == 0


def test_accounts_are_opened_by_who_may(manager, office, make_user, signed_in, clock):
    """D15"""
    text = OLD.replace("account,", "account_name,").replace("acme", "Initech")
    manager.post(IMPORT, {"file": csv_file(text), "create_accounts": "on"})
    assert (Job.objects.get().refused, Job.objects.get().order["summary"]["accounts"]) == (0, 1)
    user = make_user("auditor", email="importer@signet.example")
    from django.contrib.auth.models import Permission

    user.user_permissions.add(Permission.objects.get(codename="create_commercial"))
    browser = signed_in(user)
    assert "create_accounts" not in browser.get(IMPORT).context["form"].fields
    browser.post(IMPORT, {"file": csv_file(text), "create_accounts": "on"})
    assert Job.objects.latest("pk").refused == 1


# --- the page of a job --------------------------------------------------------------------------------


def test_progress_is_told_as_json(manager, job):
    url = reverse("admin:licenses_job_progress", args=[job.pk])
    Job.objects.filter(pk=job.pk).update(state="running", beat_at=job.created_at, started_at=job.created_at)
    answer = manager.get(url).json()
    assert (answer["state"], answer["open"], answer["total"], answer["settled"]) == ("running", True, 3, 1)
    assert answer["percent"] == 33


def test_the_page_refreshes_itself_without_scripts_while_work_goes_on(manager, job):
    page = reverse("admin:licenses_job_change", args=[job.pk])
    assert 'http-equiv="refresh"' not in manager.get(page).content.decode()
    Job.objects.filter(pk=job.pk).update(state="running", beat_at=job.created_at)
    assert (
        '<noscript><meta http-equiv="refresh" content="5"></noscript>' in manager.get(page).content.decode()
    )


def test_rows_are_shown_by_state_with_links(manager, done):
    """D6: per-row results with links."""
    page = reverse("admin:licenses_job_change", args=[done.pk])
    text = manager.get(page, {"rows": "done"}).content.decode()
    for row in License.objects.all():
        assert reverse("admin:licenses_license_change", args=[row.pk]) in text
        assert reverse("admin:accounts_account_change", args=[row.account_id]) in text
    assert "There is no account" not in text
    assert "There is no account" in manager.get(page, {"rows": "refused"}).content.decode()


def test_many_rows_are_pages(manager, office, enterprise, make_account):
    accounts = "\n".join(make_account(f"Customer {number}").slug for number in range(60))
    manager.post(GENERATE, {"accounts": accounts, "plan": enterprise.pk})
    page = reverse("admin:licenses_job_change", args=[Job.objects.get().pk])
    with CaptureQueriesContext(connection) as asked:
        assert len(manager.get(page).context["table"]["rows"]) == 50
    assert len(asked) < 20
    assert len(manager.get(page, {"p": 2}).context["table"]["rows"]) == 10
    assert manager.get(page, {"p": "x", "rows": "nonsense"}).status_code == 200


def test_a_job_that_nobody_works_on_is_stalled(manager, job, clock):
    """D6: and says what to do."""
    Job.objects.filter(pk=job.pk).update(state="running", beat_at=clock.at)
    clock.advance(STALE + timedelta(minutes=3))
    text = manager.get(reverse("admin:licenses_job_change", args=[job.pk])).content.decode()
    assert "Is a worker running?" in text
    assert "stalled" in manager.get(LIST).content.decode()


def test_a_job_is_stopped_and_goes_on(manager, job, monkeypatch):
    """D6: what is done stays."""
    monkeypatch.setattr("licenses.services.jobs.BATCH", 1)
    monkeypatch.setattr("licenses.services.jobs.BATCHES_A_TASK", 1)
    do(manager, job, "start")
    job_run(job_id=job.pk, clock=lambda: job.created_at)
    assert messages(do(manager, job, "cancel")) == ["Stopped. What is done stays."]
    assert License.objects.count() == 1
    assert messages(do(manager, job, "continue")) == ["Going on."]


def test_refused_rows_are_tried_again(manager, done, make_account, django_capture_on_commit_callbacks):
    """D6"""
    make_account("Nobody")
    with django_capture_on_commit_callbacks(execute=True):
        do(manager, done, "retry")
    done.refresh_from_db()
    assert (done.state, done.done, done.refused) == ("done", 3, 0)


@pytest.mark.parametrize("verb", ["start", "cancel", "continue", "retry", "check"])
def test_who_may_not_make_these_licenses_presses_nothing(tester, looker, job, verb):
    """D15: the job may make commercial licenses."""
    for browser in (tester, looker):
        assert browser.post(reverse("admin:licenses_job_do", args=[job.pk, verb])).status_code == 403
        assert (
            f"/do/{verb}/"
            not in browser.get(reverse("admin:licenses_job_change", args=[job.pk])).content.decode()
        )


def test_an_unknown_verb_or_job_is_not_found(manager, job):
    assert manager.post(reverse("admin:licenses_job_do", args=[job.pk, "explode"])).status_code == 404
    assert manager.get(f"{LIST}{'9' * 30}/change/").status_code == 404
    assert manager.get(reverse("admin:licenses_job_progress", args=[0])).status_code == 404


def test_a_press_that_comes_late_is_a_message(manager, done):
    assert messages(do(manager, done, "start")) == ["The job is done now."]


def test_staff_without_the_right_to_see_jobs_see_none(make_user, signed_in, job):
    """D15"""
    browser = signed_in(make_user())
    assert browser.get(LIST).status_code == 403
    for name in ("change", "progress", "results", "errors"):
        assert browser.get(reverse(f"admin:licenses_job_{name}", args=[job.pk])).status_code == 403


def test_what_people_typed_is_shown_as_text(manager, office, enterprise):
    bad = "<script>alert(1)</script>"
    manager.post(
        GENERATE,
        {
            "plan": enterprise.pk,
            "file": csv_file(f"account,comment\n{bad},{bad}\nacme,{bad}\n", f"{bad}.csv"),
        },
    )
    job = Job.objects.get()
    for address in (LIST, reverse("admin:licenses_job_change", args=[job.pk])):
        assert bad not in manager.get(address).content.decode()


def test_the_list_asks_as_few_questions_for_many_jobs_as_for_one(manager, office, enterprise, superadmin, at):
    from config.kit.tables import table_lines
    from licenses.services.generating import COLUMNS, Order

    def one():
        lines = table_lines("account\nacme\n", COLUMNS)
        generation_check(lines=lines, order=Order(plan=enterprise), actor="user:1", creator=superadmin, at=at)

    one()
    with CaptureQueriesContext(connection) as few:
        manager.get(LIST)
    for _ in range(5):
        one()
    with CaptureQueriesContext(connection) as many:
        manager.get(LIST)
    assert len(many) == len(few)


# --- downloads ----------------------------------------------------------------------------------------


def test_results_are_a_file_without_keys(looker, done):
    """D6: who sees jobs may have it."""
    found = rows(looker.get(reverse("admin:licenses_job_results", args=[done.pk])))
    assert [(row["line"], row["account"], row["state"]) for row in found] == [
        ("1", "acme", "done"), ("2", "nobody", "refused"), ("3", "globex", "done"),
    ]  # fmt: skip
    assert found[0]["license"] == License.objects.order_by("pk")[0].public_id
    assert "There is no account" in found[1]["error"]
    assert "key" not in found[0]
    assert not Event.objects.filter(kind="artifact.read").exists()


def test_keys_come_with_the_results_for_who_may_see_them(manager, license_manager, done):
    """D15, D6: and each reading is an event."""
    found = rows(manager.post(reverse("admin:licenses_job_keys", args=[done.pk])))
    texts = [unseal(bytes(row.artifact)).decode() for row in Issuance.objects.defer(None).order_by("pk")]
    assert [row["key"] for row in found] == [texts[0], "", texts[1]]
    reads = Event.objects.filter(kind="artifact.read", actor=f"user:{license_manager.pk}")
    assert reads.count() == 2


def test_a_key_that_was_not_kept_is_empty(manager, done):
    """D6"""
    Issuance.objects.order_by("pk")[:1].get()
    first = Issuance.objects.order_by("pk").first()
    Issuance.objects.filter(pk=first.pk).update(artifact=None)
    found = rows(manager.post(reverse("admin:licenses_job_keys", args=[done.pk])))
    assert found[0]["key"] == ""
    assert Event.objects.filter(kind="artifact.read").count() == 1


def test_keys_are_not_for_everybody_and_not_by_a_link(looker, manager, done):
    """D15"""
    url = reverse("admin:licenses_job_keys", args=[done.pk])
    assert looker.post(url).status_code == 403
    assert url not in looker.get(reverse("admin:licenses_job_change", args=[done.pk])).content.decode()
    assert manager.get(url).status_code == 405


def test_nothing_in_a_download_is_a_formula(manager, office, enterprise):
    manager.post(GENERATE, {"plan": enterprise.pk, "file": csv_file('account,comment\n"=1+1",x\n')})
    job = Job.objects.get()
    for name in ("results", "errors"):
        text = b"".join(manager.get(reverse(f"admin:licenses_job_{name}", args=[job.pk])).streaming_content)
        assert b"'=1+1" in text
