"""The send log and the page of one message."""

from __future__ import annotations

import pytest
from django.urls import reverse

from config.attention import look
from history.models import Event
from notifications.attention import MAIL
from notifications.mail_templates.license_delivery import sample
from notifications.masking import HIDDEN
from notifications.models import Message, MessageEvent
from notifications.parts import Attachment
from notifications.services.license_mail import license_send
from notifications.services.sending import message_send
from notifications.services.suppressions import suppression_add

pytestmark = pytest.mark.django_db
LIST = reverse("admin:notifications_message_changelist")
NASTY = "<script>alert(1)</script>'\"><img src=x onerror=alert(1)>"


def url(message, name):
    return reverse(f"admin:notifications_message_{name}", args=[message.pk])


def put(message, **fields):
    Message.objects.filter(pk=message.pk).update(**fields)
    message.refresh_from_db()
    return message


@pytest.fixture
def mailed(granted, at):
    """A license on its way to its customer."""
    sent = license_send(license=granted.license, to="ada@acme.example", actor="user:1", at=at)
    return sent.message


def read(browser, address, status=200):
    answer = browser.get(address)
    assert answer.status_code == status, answer.content[:300]
    return answer.content.decode()


# --- list ---------------------------------------------------------------------------------------------


def test_the_log_shows_whom_what_and_what_became_of_it(root, queue, customer):
    put(queue(account=customer), state="bounced", error="550 no such user")
    text = read(root, LIST)
    for words in (
        "ada@acme.example",
        "Your Relay license: Enterprise",
        "bounced",
        "550 no such user",
        "Acme",
    ):
        assert words in text


def test_a_message_that_was_put_off_says_so(root, queue):
    put(queue(), attempts=2)
    assert "waiting" in read(root, LIST)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=ada", ["one"]), ("q=ADA@acme", ["one"]), ("q=Relay 2", ["two"]), ("q=nobody", []),
        ("state__exact=failed", ["two"]), ("stream__exact=notice", ["two"]),
        ("template=license_delivery", ["one", "two"]),
        ("account=acme", ["two"]), ("account=Acme", ["two"]), ("account=nothing", []), ("license=L-nonsense", []),
        ("created_at_from=2026-03-02&created_at_to=2026-03-02", ["one"]), ("created_at_from=2026-03-03", ["two"]),
    ],
)  # fmt: skip
def test_search_and_filters(root, queue, customer, at, query, found):
    from datetime import timedelta

    queue()
    other = queue(
        dedupe_key="two", to="bob@globex.example", context=sample(product="Relay 2"), stream="notice",
        account=customer, at=at + timedelta(days=1),
    )  # fmt: skip
    put(other, state="failed")
    text = read(root, f"{LIST}?{query}")
    shown = {"one": "ada@acme.example", "two": "bob@globex.example"}
    assert [name for name, address in shown.items() if address in text] == found


def test_a_search_that_no_column_could_hold_finds_an_answer(root, queue):
    queue()
    for term in ("%00", "%F0%9F%9A%80", "%25", "_", "x" * 3000):
        read(root, f"{LIST}?q={term}")


def test_mail_of_a_license_is_found_by_its_id(root, mailed, queue):
    queue(to="other@acme.example")
    text = read(root, f"{LIST}?license={mailed.license.public_id}")
    assert "ada@acme.example" in text
    assert "other@acme.example" not in text


def test_the_list_asks_the_same_questions_whatever_its_length(
    root, queue, make_account, django_assert_max_num_queries
):
    for number in range(12):
        queue(dedupe_key=f"m{number}", account=make_account(f"Account {number}"))
    with django_assert_max_num_queries(12):
        read(root, LIST)


def test_the_list_reads_no_sealed_parts(root, queue, django_assert_max_num_queries):
    queue()
    with django_assert_max_num_queries(12) as asked:
        read(root, LIST)
    assert not [query for query in asked.captured_queries if '"parts"' in query["sql"]]


def test_what_outsiders_typed_is_text_everywhere(root, queue, make_account):
    """People: everything typed by outsiders is shown as text."""
    account = make_account(NASTY)
    message = queue(context=sample(product=NASTY, account=NASTY, note=NASTY), account=account)
    put(message, state="failed", error=NASTY)
    MessageEvent.objects.create(
        message=message, provider_event_id="x", kind="bounced", detail=NASTY, at=message.created_at
    )
    pages = [
        LIST,
        url(message, "change"),
        f"{url(message, 'change')}?as=text",
        url(message, "html"),
        url(message, "resend"),
    ]
    for address in pages:
        text = read(root, address)
        assert "<script>alert" not in text
        assert "<img src=x" not in text


# --- page of one --------------------------------------------------------------------------------------


def test_the_page_tells_what_became_of_it_and_what_the_provider_said(root, mailed, at):
    put(mailed, state="delivered", provider="postmark", provider_id="pm-1", sent_at=at)
    MessageEvent.objects.create(
        message=mailed, provider_event_id="e1", kind="delivered", detail="250 OK", at=at
    )
    text = read(root, url(mailed, "change"))
    for words in ("postmark", "pm-1", "250 OK", "Acme", mailed.license.public_id[-8:], "Message-ID"):
        assert words in text


def test_the_html_part_stands_in_a_frame_that_runs_nothing(root, mailed):
    text = read(root, url(mailed, "change"))
    assert 'sandbox="allow-popups' in text
    frame = root.get(url(mailed, "html"))
    policy = frame.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script-src" not in policy


def test_text_headers_and_files_can_be_looked_at(root, mailed):
    text = read(root, f"{url(mailed, 'change')}?as=text")
    assert "It is made out to Acme." in text
    assert "Auto-Submitted" in text
    assert f"acme-demo-{mailed.license.public_id}.lic" in text


def test_the_key_is_hidden_until_it_is_asked_for(root, mailed, granted):
    """D15: see key text. Who may see it, asks for it, and that is written down."""
    key = granted.issued.text
    for address in (url(mailed, "change"), f"{url(mailed, 'change')}?as=text", url(mailed, "html")):
        text = read(root, address)
        assert key not in text
        assert HIDDEN in text or "hidden" in text
    before = Event.objects.filter(kind="artifact.read").count()
    answer = root.post(url(mailed, "key"))
    assert key in answer.content.decode()
    assert "no-store" in answer.headers["Cache-Control"]
    event = Event.objects.filter(kind="artifact.read").latest("id")
    assert Event.objects.filter(kind="artifact.read").count() == before + 1
    assert event.subject == f"license:{mailed.license.public_id}"
    assert event.data["jti"] == granted.issued.issuance.jti_text


def test_a_file_comes_as_it_was_sent_and_a_key_s_download_is_an_event(root, mailed, granted):
    """E23."""
    answer = root.post(f"{url(mailed, 'change')[: -len('change/')]}file/0/")
    assert answer.content == granted.issued.text.encode()
    assert answer.headers["Content-Disposition"].endswith('.lic"')
    assert Event.objects.filter(kind="artifact.read").count() == 2  # its sending was the first


def test_a_plain_file_needs_no_permission_and_no_event(looker, queue):
    message = queue(attachments=[Attachment("list.csv", "text/csv", b"a,b\r\n")])
    answer = looker.post(f"{url(message, 'change')[: -len('change/')]}file/0/")
    assert answer.content == b"a,b\r\n"
    assert not Event.objects.filter(kind="artifact.read").exists()


def test_a_file_that_is_not_there_is_not_found(root, queue):
    assert root.post(f"{url(queue(), 'change')[: -len('change/')]}file/7/").status_code == 404


def test_who_may_not_see_keys_gets_neither_button_nor_key(looker, mailed, granted):
    """D15: an auditor sees everything and reads no key."""
    text = read(looker, f"{url(mailed, 'change')}?as=text")
    assert "you may not see the text of keys" in text
    assert granted.issued.text not in text
    assert "Show it in the text" not in text
    assert "Download" not in text
    assert looker.post(url(mailed, "key")).status_code == 403
    assert looker.post(f"{url(mailed, 'change')[: -len('change/')]}file/0/").status_code == 403


def test_pages_that_show_secrets_act_on_post_only(root, mailed):
    assert root.get(url(mailed, "key")).status_code == 405
    assert root.get(f"{url(mailed, 'change')[: -len('change/')]}file/0/").status_code == 405


def test_nothing_can_be_posted_to_the_page_itself(root, mailed):
    assert root.post(url(mailed, "change"), {"recipient": "eve@evil.example"}).status_code == 405


@pytest.mark.parametrize("pk", ["0", "99999", "99999999999999999999999", "x"])
def test_a_message_that_is_not_there_is_not_found(root, pk):
    assert root.get(f"{LIST}{pk}/change/").status_code == 404


def test_without_the_key_encryption_key_the_page_says_so(root, mailed, settings):
    """Always true 9: an outage of ours is a 503."""
    settings.KEY_ENCRYPTION_KEYS = ["YW5vdGhlci1rZXktZW5jcnlwdGlvbi1rZXktMzItYnk="]
    answer = root.get(url(mailed, "change"))
    assert answer.status_code == 503


# --- sending again ------------------------------------------------------------------------------------


def test_sending_again_says_what_happens_and_then_does_it(root, mailed, at):
    put(mailed, state="failed", due_at=None)
    assert "receives the same words and files once more" in read(root, url(mailed, "resend"))
    answer = root.post(url(mailed, "resend"), follow=True)
    again = Message.objects.get(resent_from=mailed)
    assert answer.redirect_chain[-1][0] == url(again, "change")
    assert "is sent to ada@acme.example again" in answer.content.decode()
    assert again.subject in read(root, url(mailed, "change"))


def test_what_is_on_its_way_cannot_be_sent_again(root, mailed):
    assert "Send again" not in read(root, url(mailed, "change"))
    assert "still on its way" in root.post(url(mailed, "resend")).content.decode()
    assert not Message.objects.filter(resent_from=mailed).exists()


def test_who_is_not_written_to_is_told_before_sending_again(root, mailed, at):
    put(mailed, state="bounced", due_at=None)
    row = suppression_add(address="ada@acme.example", reason="hard_bounce", actor="cli:test", at=at)
    assert "Lift the suppression first" in read(root, url(mailed, "resend"))
    text = read(root, url(mailed, "change"))
    assert reverse("admin:notifications_suppression_lift", args=[row.pk]) in text
    assert "is not written to (hard bounce)" in root.post(url(mailed, "resend")).content.decode()
    assert not Message.objects.filter(resent_from=mailed).exists()


def test_the_list_behind_what_waits_has_the_same_rows(root, queue, at):
    """The link of "Needs attention": bounced, failed and held back together."""
    found = [
        put(queue(dedupe_key=state), state=state) for state in ("failed", "bounced", "suppressed", "sent")
    ]
    answer = root.get(MAIL.url())
    listed = {row.pk for row in answer.context["cl"].result_list}
    assert listed == {row.pk for row in found[:3]}
    assert {problem.key for problem in look(MAIL, at=at).problems} == {str(pk) for pk in listed}


def test_a_waiting_mail_can_be_tried_now(root, mailed, clock):
    put(mailed, attempts=3, due_at=clock.at.replace(hour=23))
    assert "Try now" in read(root, url(mailed, "change"))
    root.post(url(mailed, "try"))
    mailed.refresh_from_db()
    assert mailed.due_at == clock.at


def test_all_waiting_mail_can_be_tried_now(root, queue, clock):
    from datetime import timedelta

    queue(at=clock.at + timedelta(hours=4))
    queue(dedupe_key="two", at=clock.at + timedelta(hours=12))
    address = f"{LIST}hurry/"
    assert "2 messages wait" in read(root, address)
    root.post(address)
    assert set(Message.objects.values_list("due_at", flat=True)) == {clock.at}


def test_who_may_only_look_has_no_button_and_gets_403(looker, mailed):
    """D15: one lacking the permission gets 403 and no button."""
    put(mailed, state="failed", due_at=None)
    text = read(looker, url(mailed, "change"))
    assert "Send again" not in text
    for name in ("resend", "try"):
        assert looker.post(url(mailed, name)).status_code == 403
    assert looker.post(f"{LIST}hurry/").status_code == 403
    assert "Try waiting mail now" not in read(looker, LIST)


@pytest.mark.parametrize("role", ["issuer", "billing", "sales", "evidence approver"])
def test_who_has_nothing_to_do_with_mail_sees_none(as_role, clock, mailed, role):
    browser = as_role(role)
    for address in (LIST, url(mailed, "change"), url(mailed, "html"), url(mailed, "resend")):
        assert browser.get(address).status_code == 403
    assert browser.post(url(mailed, "key")).status_code == 403


def test_a_stranger_is_sent_to_the_sign_in(client, mailed):
    for address in (LIST, url(mailed, "change"), url(mailed, "html")):
        assert client.get(address).status_code == 302


def test_mail_that_went_out_says_by_whom(root, mailed, at):
    message_send(pk=mailed.pk, at=at)
    text = read(root, url(mailed, "change"))
    assert "Taken by locmem" in text
