"""A license mailed to its customer."""

from __future__ import annotations

import pytest

from history.models import Event
from licenses.domain.enums import KeyState
from licenses.errors import ArtifactNotKept, LicenseRevoked, LicenseSuspended
from licenses.models import Issuance, SigningKey
from licenses.services.lifecycle import license_revoke, license_suspend
from licenses.services.renewing import license_renew
from notifications.errors import KeyOutOfDate, NothingToSend, UnfitMessage
from notifications.models import Message
from notifications.parts import parts_unseal
from notifications.services.license_mail import license_send

pytestmark = pytest.mark.django_db
ACTOR = "user:7"


@pytest.fixture
def send(granted, at):
    def do(**fields):
        given = {
            "license": granted.license,
            "to": "ada@acme.example",
            "message": "",
            "actor": ACTOR,
            "at": at,
        }
        return license_send(**{**given, **fields})

    return do


def parts(message):
    return parts_unseal(bytes(message.parts))


def test_the_mail_has_the_key_in_the_text_and_as_a_file(send, granted):
    """E23: the file's bytes are those that were issued."""
    message = send().message
    text = granted.issued.text
    assert text in parts(message).text
    [file] = parts(message).attachments
    assert (file.content, file.secret) == (text.encode(), True)
    assert file.name == f"acme-demo-{granted.license.public_id}.lic"
    assert parts(message).secrets == (text,)


@pytest.mark.parametrize("format_", ["jwt", "lic1", "envelope"])
def test_every_format_goes_out_with_its_own_bytes(make_license, issue, at, format_):
    issued = issue(make_license(), format=format_)
    sent = license_send(license=issued.issuance.license, to="ada@acme.example", actor=ACTOR, at=at)
    [file] = parts(sent.message).attachments
    assert file.content.decode() == issued.text
    assert issued.text.strip() in parts(sent.message).text


def test_it_says_what_it_is_for(send, granted, customer):
    message = send(message="Hello Ada,\nhere it is.\x00\x07").message
    text = parts(message).text
    for words in (
        "Demo",
        "Enterprise",
        "Acme",
        granted.license.public_id,
        "until 2 March 2027",
        "Seats:      25",
    ):
        assert words in text
    assert "Hello Ada,\nhere it is.\n" in text
    assert (message.account, message.license) == (customer, granted.license)


def test_sending_and_reading_the_key_are_two_events(send, granted, customer):
    """Always true 4; D15: each showing of a key is known."""
    sent = send()
    told = Event.objects.filter(subject=f"license:{granted.license.public_id}", actor=ACTOR)
    assert set(told.values_list("kind", flat=True)) == {"license.sent", "artifact.read"}
    event = told.get(kind="license.sent")
    jti = granted.issued.issuance.jti_text
    assert event.data == {"jti": jti, "message": str(sent.message.uid), "note_given": False}
    assert event.account == customer.customer_id


def test_the_same_key_with_the_same_words_goes_to_an_address_once(send):
    """Always true 7."""
    first = send()
    again = send(to="ADA@acme.example")
    assert (again.message, first.is_new, again.is_new) == (first.message, True, False)
    assert Event.objects.filter(kind="license.sent").count() == 1


def test_other_words_or_another_address_are_another_mail(send):
    assert send(message="Hello").is_new
    assert send(message="Good morning").is_new
    assert send(to="bob@acme.example").is_new
    assert Message.objects.count() == 3


def test_after_renewing_the_new_key_goes_out(send, granted, at):
    first = send()
    renewed = license_renew(license=granted.license, months=12, channel="admin", actor=ACTOR, at=at)
    second = send()
    assert second.is_new
    assert renewed.issued.text in parts(second.message).text
    assert first.message != second.message


def test_without_a_key_it_says_why(make_license, at):
    with pytest.raises(NothingToSend):
        license_send(license=make_license(), to="ada@acme.example", actor=ACTOR, at=at)


def test_a_key_that_was_not_kept_cannot_be_sent(make_license, issue, at):
    issued = issue(make_license(), persist=False)
    with pytest.raises(ArtifactNotKept):
        license_send(license=issued.issuance.license, to="ada@acme.example", actor=ACTOR, at=at)
    assert not Message.objects.exists()


def test_a_kept_key_of_older_terms_is_not_sent(send, granted, at):
    license_renew(license=granted.license, months=12, persist=False, channel="admin", actor=ACTOR, at=at)
    with pytest.raises(KeyOutOfDate):
        send()


def test_a_kept_key_of_the_same_terms_is_sent(send, granted, issue):
    issue(granted.license, persist=False)
    assert send().is_new


def test_a_key_of_a_revoked_signing_key_is_not_sent(send):
    SigningKey.objects.update(state=KeyState.REVOKED, slot=None)
    with pytest.raises(KeyOutOfDate):
        send()


def test_a_license_that_is_not_valid_is_not_sent(send, granted, at):
    by = {"license": granted.license, "reason": "Unpaid", "actor": ACTOR, "at": at}
    license_suspend(**by)
    with pytest.raises(LicenseSuspended):
        send()
    license_revoke(**by)
    with pytest.raises(LicenseRevoked):
        send()
    assert not Event.objects.filter(kind__in=("license.sent", "artifact.read")).exists()


@pytest.mark.parametrize("to", ["", "ada", "a@b.example, c@d.example", "a@b.example\r\nBcc: c@d.example"])
def test_it_goes_to_one_address(send, to):
    with pytest.raises(UnfitMessage) as refused:
        send(to=to)
    assert refused.value.members["errors"][0]["pointer"] == "/to"
    assert Issuance.objects.count() == 1
