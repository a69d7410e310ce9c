"""Making the digest of a day."""

from __future__ import annotations

import csv
import io
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from itertools import pairwise
from threading import Barrier

import pytest
from django.db import connection

from config.kit import clock as clocks
from config.kit.errors import Invalid
from licenses.models import License
from licenses.services.lifecycle import license_reinstate, license_revoke, license_suspend
from licenses.services.renewing import license_renew
from notifications.digest_content import LINES, content_of
from notifications.models import DigestRun, ExpiryDigest, Message
from notifications.parts import parts_unseal
from notifications.services.digest_runs import DigestOff, digest_preview, digest_run, digests_sweep
from notifications.services.digests import digest_update
from notifications.tasks.digests import digest_run as digest_task

pytestmark = pytest.mark.django_db

BY = {"actor": "cli:test"}
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MONDAY = date(2026, 3, 2)


@pytest.fixture
def run(at):
    """Return a runner of the digest of a day, today by default."""

    def make(digest, *, day=MONDAY, at=at):
        return digest_run(digest=digest, day=day, at=at, **BY)

    return make


@pytest.fixture
def sweep(django_capture_on_commit_callbacks):
    """Return a sweep, with the tasks that it enqueues."""

    def run(at):
        with clocks.frozen(at), django_capture_on_commit_callbacks(execute=True):
            return digests_sweep(at=at)

    return run


def texts():
    """What was mailed, by recipient."""
    return {mail.recipient: parts_unseal(bytes(mail.parts)).text for mail in Message.objects.order_by("pk")}


def attachments():
    return parts_unseal(bytes(Message.objects.get().parts)).attachments


# --- what is in the mail --------------------------------------------------------------------------------


def test_the_mail_names_account_type_count_creator_and_creation_date(make_digest, make_ending, run, issuer):
    """D13: about to expire or expired today, with account name, license type, license count, creator, date."""
    make_ending(5 * DAY, quantity=12, creator=issuer)

    made = run(make_digest())

    assert (made.new, made.run.state, made.run.expiring, made.run.expired_today) == (True, "sent", 1, 0)
    text = texts()["ada@signet.example"]
    assert "Acme, Demo Enterprise" in text
    assert "in 5 days, 7 Mar 2026. 12 licenses, created 2 Mar 2026 by issuer." in text


def test_what_expired_today_and_what_will_is_listed(make_digest, make_ending, run):
    """D13: the whole of today, whatever the hour."""
    make_ending(-2 * HOUR)
    make_ending(9 * HOUR)

    made = run(make_digest())

    assert (made.run.expired_today, made.run.expiring) == (2, 0)
    assert "ended 07:30" in texts()["ada@signet.example"]
    assert "ends 18:30" in texts()["ada@signet.example"]


def test_changing_the_days_changes_the_list_of_the_next_run(make_digest, make_ending, run, at):
    """D14."""
    make_ending(20 * DAY)
    digest = make_digest(days_ahead=7)
    assert run(digest).run.state == "empty"

    digest = digest_update(digest=digest, days_ahead=30, at=at, **BY)

    assert run(digest, day=MONDAY + DAY, at=at + DAY).run.expiring == 1


@pytest.mark.parametrize(
    ("kinds", "expected"), [(["commercial"], 1), (["commercial", "test"], 2), (["trial"], 0)]
)
def test_only_the_kinds_that_are_chosen_are_listed(make_digest, make_ending, run, kinds, expected):
    """D14: kinds included."""
    make_ending(DAY)
    make_ending(DAY, kind="test")

    assert run(make_digest(kinds=kinds)).run.expiring == expected


@pytest.mark.parametrize(("included", "expected"), [(False, 0), (True, 1)])
def test_internal_licenses_are_listed_when_asked_for(make_digest, make_ending, run, included, expected):
    """D14, D4: internal included or not, and then apart."""
    make_ending(DAY, internal=True)

    assert run(make_digest(include_internal=included, send_empty=True)).run.expiring == expected
    assert ("Tomorrow" in texts()["ada@signet.example"]) is False
    assert ("IN THE NEXT 7 DAYS" in texts()["ada@signet.example"]) is included


def test_suspended_and_revoked_licenses_are_not_listed(make_digest, make_ending, run, at):
    license_suspend(license=make_ending(DAY), reason="unpaid", at=at, **BY)
    license_revoke(license=make_ending(DAY), reason="returned", at=at, **BY)

    assert run(make_digest()).run.state == "empty"


def test_a_renewed_license_leaves_the_list(make_digest, make_ending, run, signing, at):
    license_renew(license=make_ending(DAY), months=12, reason="", channel="cli", at=at, **BY)

    assert run(make_digest()).run.state == "empty"


def test_today_is_the_digest_s_day(make_digest, make_ending, run, at):
    """Trust, time: "today" in a digest is the recipient's zone."""
    make_ending(3 * HOUR)  # 12:30 UTC: half past one on Tuesday in Auckland
    digest = make_digest(zone="Pacific/Auckland")

    made = run(digest)

    assert (made.run.expired_today, made.run.expiring) == (0, 1)
    assert "tomorrow, 3 Mar 2026" in texts()["ada@signet.example"]


def test_names_of_outsiders_are_text(make_digest, make_ending, make_account, run):
    account = make_account("<script>alert(1)</script> Bcc: eve@evil.example", slug="eve")
    make_ending(DAY, account=account)

    run(make_digest())

    html = parts_unseal(bytes(Message.objects.get().parts)).html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; Bcc: eve@evil.example" in html
    assert "<script" not in html


def test_every_line_leads_to_its_license_and_account(make_digest, make_ending, run):
    row = make_ending(DAY)

    run(make_digest())

    html = parts_unseal(bytes(Message.objects.get().parts)).html
    assert f"http://testserver/admin/licenses/license/{row.pk}/change/" in html
    assert f"http://testserver/admin/accounts/account/{row.account_id}/change/" in html


# --- whom, and when not -----------------------------------------------------------------------------------


def test_each_recipient_gets_one_mail(make_digest, make_ending, run):
    """D13."""
    make_ending(DAY)

    made = run(make_digest(recipients=["ada@signet.example", "bob@signet.example"]))

    assert sorted(texts()) == ["ada@signet.example", "bob@signet.example"]
    assert made.run.recipients == 2
    assert set(Message.objects.values_list("stream", "template")) == {("digest", "expiry_digest")}


def test_running_twice_on_a_day_sends_once(make_digest, make_ending, run):
    """D13."""
    make_ending(DAY)
    digest = make_digest()

    first, second = run(digest), run(digest)

    assert (first.new, second.new, second.run) == (True, False, first.run)
    assert Message.objects.count() == 1


def test_an_empty_day_is_silent(make_digest, run):
    """D13: with nothing to list it sends nothing unless configured."""
    assert run(make_digest()).run.state == "empty"
    assert texts() == {}


def test_an_empty_day_is_told_when_configured(make_digest, run):
    """D13."""
    assert run(make_digest(send_empty=True)).run.state == "sent"
    assert "Nothing expires within 30 days" in texts()["ada@signet.example"]


def test_a_digest_without_recipient_is_made_again_when_there_is_one(make_digest, make_ending, run, at):
    make_ending(DAY)
    digest = make_digest(recipients=[])
    assert run(digest).run.state == "no_recipient"

    digest = digest_update(digest=digest, recipients=["ada@signet.example"], at=at, **BY)

    assert (run(digest).run.state, DigestRun.objects.count(), len(texts())) == ("sent", 1, 1)


def test_a_digest_that_is_off_sends_nothing(make_digest, make_ending, run):
    """D14: enabled."""
    make_ending(DAY)

    with pytest.raises(DigestOff):
        run(make_digest(enabled=False))

    assert texts() == {}


def test_a_past_day_is_made_once_as_the_list_of_that_day(make_digest, make_ending, run, at):
    """A day that was missed is made late, by order only."""
    make_ending(-3 * DAY)
    digest = make_digest(days_ahead=1)

    made = run(digest, day=MONDAY - 3 * DAY)

    assert (made.run.expired_today, made.run.expiring) == (1, 0)
    assert not run(digest, day=MONDAY - 3 * DAY).new
    assert (
        "This is the list of Friday 27 February 2026, made on Monday 2 March 2026."
        in texts()["ada@signet.example"]
    )


@pytest.mark.parametrize("day", [MONDAY + DAY, MONDAY - 400 * DAY, date.min])
def test_a_day_to_come_or_long_past_is_refused(make_digest, run, day):
    with pytest.raises(Invalid):
        run(make_digest(), day=day)


def test_a_preview_writes_nothing(make_digest, make_ending, at):
    make_ending(DAY)

    shown = digest_preview(digest=make_digest(), at=at)

    assert "1 within 30 days" in shown.rendered.subject
    assert not Message.objects.exists()
    assert not DigestRun.objects.exists()


# --- long lists -------------------------------------------------------------------------------------------


def test_a_long_list_is_attached_whole(make_digest, make_endings, run):
    make_endings(LINES + 30)

    run(make_digest())

    (file,) = attachments()
    rows = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))
    assert (file.name, file.content_type) == ("expiring-licenses-2026-03-02.csv", "text/csv")
    assert len(rows) == LINES + 30
    assert rows[0]["Account"] == "Acme"
    assert rows[0]["License count"] == "1"
    assert texts()["ada@signet.example"].count("\n* ") == LINES


def test_a_short_list_comes_without_a_file(make_digest, make_endings, run):
    make_endings(LINES)

    run(make_digest())

    assert attachments() == ()


def test_the_file_runs_no_formula(make_digest, make_endings, make_account, run):
    """Trust: cells starting with = + - @, tab or CR are escaped."""
    make_endings(LINES + 1, account=make_account("=HYPERLINK(1)", slug="evil"))

    run(make_digest())

    assert b"\n'=HYPERLINK(1)," in attachments()[0].content


@pytest.mark.parametrize("count", [3, 300])
def test_the_queries_do_not_grow_with_the_list(
    make_digest, make_endings, django_assert_num_queries, at, count
):
    make_endings(count)
    digest = make_digest()

    with django_assert_num_queries(4):
        content = content_of(digest, day=MONDAY, at=at)

    assert content.tally.total == count


def test_memory_grows_with_the_file_alone(make_digest, make_endings, at):
    """Performance 10: lines are streamed; what is kept are those of the mail, and the file."""
    digest = make_digest()

    def peak():
        tracemalloc.start()
        file = len(content_of(digest, day=MONDAY, at=at).file)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used - 3 * file  # the file as it grows, and its copy

    make_endings(2500)
    content_of(digest, day=MONDAY, at=at)  # what is loaded once
    small = peak()
    make_endings(5000)

    assert peak() - small < 1_000_000


# --- days without a digest --------------------------------------------------------------------------------


def test_what_expired_on_a_weekend_is_in_monday_s_digest(make_digest, make_ending, run, at):
    """Nothing is lost between two digests."""
    friday = date(2026, 2, 27)
    make_ending(-40 * HOUR)  # Saturday evening
    digest = make_digest(created_at=at - 10 * DAY, days_ahead=0)
    assert run(digest, day=friday, at=at - 3 * DAY).run.state == "empty"

    made = run(digest)

    assert made.run.expired_today == 1
    assert "EXPIRED SINCE THE DIGEST OF FRIDAY 27 FEBRUARY: 1" in texts()["ada@signet.example"]


def test_what_was_made_after_the_last_digest_and_ended_that_day_is_not_lost(
    make_digest, make_license, run, at
):
    """A key of some hours, cut after the morning's mail."""
    digest = make_digest(days_ahead=0)
    run(digest)
    make_license(expires_at=at + 2 * HOUR)
    License.objects.update(status_at=at + HOUR)

    assert run(digest, day=MONDAY + DAY, at=at + DAY).run.expired_today == 1


def test_what_was_reinstated_after_the_last_digest_is_not_lost(make_digest, make_ending, run, at):
    row = make_ending(5 * HOUR)
    license_suspend(license=row, reason="unpaid", at=at, **BY)
    digest = make_digest(days_ahead=0)
    assert run(digest).run.state == "empty"
    license_reinstate(license=row, reason="", at=at + HOUR, **BY)

    assert run(digest, day=MONDAY + DAY, at=at + DAY).run.expired_today == 1


def test_ten_days_with_three_days_of_silence_tell_everything_once(make_digest, make_ending, at, sweep):
    """Always true 7; two beats, or none for three days: nobody told twice, nothing lost."""
    ends = [make_ending(number * DAY + 3 * HOUR) for number in range(10)]
    digest = make_digest(days_ahead=0, hour=7, created_at=at - DAY)

    with clocks.frozen(at) as clock:
        while clock.at.date() < MONDAY + 10 * DAY:
            if (clock.at.date() - MONDAY).days not in {3, 4, 5}:
                sweep(clock.at)
                sweep(clock.at)
            clock.advance(timedelta(minutes=170))

    told = [license_told for mail in texts_in_order() for license_told in lines_of(mail)]
    assert sorted(told) == sorted(row.pk for row in ends)
    days = list(digest.runs.order_by("day").values_list("day", flat=True))
    assert [(later - earlier).days for earlier, later in pairwise(days)] == [1, 1, 4, 1, 1, 1]


def texts_in_order():
    return [parts_unseal(bytes(mail.parts)).text for mail in Message.objects.order_by("pk")]


def lines_of(text):
    """The licenses whose end is told as past or of the day."""
    return [
        int(line.split("/")[-3])
        for line in text.splitlines()
        if "/licenses/license/" in line and "?" not in line
    ]


# --- the sweep --------------------------------------------------------------------------------------------


def test_the_sweep_makes_what_is_due(make_digest, make_ending, sweep, at):
    """D14: at the hour that is set."""
    make_ending(2 * DAY)
    make_digest(hour=10)

    assert sweep(at) == 0
    assert sweep(at + HOUR) == 1

    assert DigestRun.objects.get().state == "sent"


def test_a_digest_that_makes_no_sense_keeps_none_of_the_others(make_digest, make_ending, sweep, at):
    make_ending(2 * DAY)
    broken = make_digest(name="A broken one", hour=7)
    ExpiryDigest.objects.filter(pk=broken.pk).update(zone="Mars/Base")
    make_digest(hour=7)

    sweep(at)

    assert [run.digest.name for run in DigestRun.objects.all()] == ["Daily"]


def test_a_digest_that_is_off_is_not_due(make_digest, sweep, at):
    """D14: enabled."""
    make_digest(hour=7, enabled=False)

    assert sweep(at) == 0


def test_recipients_named_after_the_hour_get_today_s(make_digest, make_ending, sweep, at):
    make_ending(2 * DAY)
    digest = make_digest(hour=7, recipients=[])
    assert sweep(at) == 1
    assert sweep(at) == 0

    digest_update(digest=digest, recipients=["ada@signet.example"], at=at, **BY)

    assert (sweep(at), len(texts())) == (1, 1)


def test_the_task_passes_over_a_digest_that_is_gone():
    assert digest_task(404, "2026-03-02") is False


# --- in parallel ------------------------------------------------------------------------------------------


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_parallel_runs_send_one_mail_a_recipient(make_digest, make_ending, at):
    """D13, always true 7: two beats, two workers and an impatient person at once."""
    make_ending(DAY)
    digest = make_digest(recipients=["ada@signet.example", "bob@signet.example"])
    start = Barrier(6)

    def call(_number):
        try:
            start.wait(timeout=20)
            return digest_run(digest=digest, day=MONDAY, at=at, **BY).new
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(call, range(6)))

    assert sorted(made) == [False] * 5 + [True]
    assert sorted(Message.objects.values_list("recipient", flat=True)) == [
        "ada@signet.example",
        "bob@signet.example",
    ]
