"""Mail to buyers: once for each payment, with the license and the receipt (E19)."""

from __future__ import annotations

import pytest

from billing.domain.money import money_text
from history.models import Event, ParkedEvent
from licenses.services.renewing import license_renew
from notifications.models import Message
from notifications.parts import parts_unseal
from notifications.services.retention import keys_erase
from notifications.services.sending import message_send

pytestmark = pytest.mark.django_db


def parts(message=None):
    return parts_unseal(bytes((message or Message.objects.get()).parts))


def test_a_purchase_is_mailed_with_its_key_and_receipt(buy, tell, at):
    """E19: the license reaches the buyer, byte for byte, with what was paid."""
    bought = buy(tax_minor=1_916, period_start=at, period_end=at.replace(year=2027))
    tell(bought.payment)
    message = Message.objects.get()
    assert (message.recipient, message.template) == ("ada@acme.example", "purchase")
    assert (message.license, message.account) == (bought.license, bought.license.account)
    mail = parts(message)
    (file,) = mail.attachments
    assert (file.content, file.secret) == (bought.issued.text.encode(), True)
    assert mail.secrets == (bought.issued.text.strip(),)
    for words in (
        "120.00 EUR, of which tax 19.16 EUR",
        "2 March 2026 to 2 March 2027",
        bought.payment.reference,
    ):
        assert words in mail.text
        assert words in mail.html


def test_one_payment_is_one_mail_whatever_is_replayed(buy, tell):
    """E19: replays mail nothing more."""
    bought = buy()
    tell(bought.payment)
    tell(bought.payment)
    assert Message.objects.count() == 1
    assert Event.objects.filter(kind="license.sent").count() == 1


def test_a_renewal_is_mailed_with_the_new_key(buy, make_payment, tell, at):
    """E19: later invoices renew, and the buyer gets the new key."""
    bought = buy()
    renewed = license_renew(license=bought.license, days=365, channel="webhook", actor="system:stripe", at=at)
    payment = make_payment(licenses=(renewed.issued,), session=False)
    tell(payment)
    message = Message.objects.get()
    assert message.subject == "Your Demo license is renewed"
    assert parts(message).attachments[0].content == renewed.issued.text.encode()


def test_a_bundle_brings_every_key_in_one_mail(make_license, issue, make_payment, tell):
    """E11: one license for each component."""
    issued = [issue(make_license(), channel="webhook") for _ in range(3)]
    tell(make_payment(licenses=tuple(issued)))
    mail = parts()
    assert {file.content for file in mail.attachments} == {item.text.encode() for item in issued}
    assert len({file.name for file in mail.attachments}) == 3


def test_a_key_that_was_not_kept_is_not_promised(buy, tell):
    bought = buy(persist=False)
    tell(bought.payment)
    assert parts().attachments == ()
    assert "The key was not kept here." in parts().text


def test_mail_goes_out_as_the_merchant_it_was_bought_from(buy, tell, merchant):
    """C32: sender, brand and support of the merchant profile."""
    merchant.brand, merchant.mail_from = "Relay Store", "Relay Store <shop@relay.example>"
    merchant.support_email = "help@relay.example"
    merchant.save()
    tell(buy().payment)
    message = Message.objects.get()
    assert message.sender == '"Relay Store" <shop@relay.example>'
    assert parts(message).reply_to == "help@relay.example"
    assert "Sent by Relay Store" in parts(message).html


def test_a_refund_is_told_once_for_each_sum(buy, tell):
    bought = buy()
    for _ in range(2):
        tell(bought.payment, "payment.refunded", refunded_minor=1_000, state="partially_refunded")
    tell(bought.payment, "payment.refunded", refunded_minor=12_000, state="refunded")
    first, second = Message.objects.order_by("pk")
    assert "10.00 EUR are on the way back" in parts(first).text
    assert "Your license stays as it is." in parts(first).text
    assert f"no longer works:\n- {bought.license.public_id}" in parts(second).text


def test_a_refund_of_maintenance_leaves_the_license_alone(buy, tell):
    """E32."""
    bought = buy(purpose="maintenance")
    tell(bought.payment, "payment.refunded", refunded_minor=12_000, state="refunded")
    text = parts(Message.objects.get()).text
    assert f"The maintenance that it paid for no longer counts:\n- {bought.license.public_id}" in text
    assert "no longer works" not in text


@pytest.fixture
def cycle(buy, make_subscription):
    bought = buy()
    row = make_subscription(license=bought.license, checkout=bought.payment.checkout)
    bought.payment.subscription = row
    bought.payment.save()
    return row


def test_a_payment_that_failed_is_told_once_an_invoice(cycle, tell):
    """C28: past due, with what to do about it."""
    for invoice in ("in_1", "in_1", "in_2"):
        tell(cycle, "payment.failed", invoice=invoice, currency="eur", amount_minor=12_000)
    assert Message.objects.filter(template="payment_failed").count() == 2
    mail = parts(Message.objects.first())
    assert "120.00 EUR" in mail.text
    assert "customer portal" in mail.text


@pytest.mark.parametrize(
    ("to", "cancelling", "words"),
    [
        ("cancelled", True, "was cancelled and is not renewed any more"),
        ("cancelled", False, "has ended. Nothing more is charged."),
        ("lapsed", False, "has ended because it was not paid"),
    ],
)
def test_the_end_of_a_subscription_says_until_when_the_license_works(cycle, tell, to, cancelling, words):
    """C28: cancelled, with the license kept to the end of the paid cycle."""
    tell(
        cycle, "subscription.changed", **{"from": "active", "to": to},
        cancel_at_period_end=cancelling, period_end=cycle.period_end.isoformat(),
    )  # fmt: skip
    mail = parts()
    assert words in mail.text
    assert cycle.license.expires_at.strftime("%B %Y") in mail.text


def test_becoming_active_again_is_no_news(cycle, tell):
    tell(cycle, "subscription.changed", **{"from": "past_due", "to": "active"})
    assert not Message.objects.exists()


def test_a_payment_without_an_address_waits_for_a_person(buy, tell):
    """Nothing is dropped: the event is parked, and can be run again."""
    bought = buy(customer_email="")
    bought.payment.checkout.email = ""
    bought.payment.checkout.save()
    for _ in range(4):
        tell(bought.payment)
    assert "without an address" in ParkedEvent.objects.first().error
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("amount", "text"),
    [((123_450, "eur"), "1,234.50 EUR"), ((500, "jpy"), "500 JPY"), ((1_234, "kwd"), "1.234 KWD"), ((-5, "usd"), "-0.05 USD"), ((0, "eur"), "0.00 EUR")],  # noqa: E501 - a table
)  # fmt: skip
def test_amounts_are_written_with_the_places_of_their_currency(amount, text):
    assert money_text(*amount) == text


def test_of_a_bundle_only_the_key_whose_time_is_over_is_erased(make_license, issue, make_payment, tell, at):
    """E34: the mail brought the keys of several licenses, and stands at the first of them."""
    rows = [make_license() for _ in range(2)]
    issued = [issue(row, channel="webhook") for row in rows]
    tell(make_payment(licenses=tuple(issued)))
    keys_erase(license_pk=rows[1].pk, until=at, at=at)
    left = parts()
    assert issued[1].text.strip() not in left.text + left.html
    assert [file.content for file in left.attachments] == [issued[0].text.encode()]
    assert left.erased


def test_what_was_erased_while_a_worker_had_it_is_not_sent(make_license, issue, make_payment, tell, at):
    """E34: a claim that lapses, or a try that failed for now, must not bring the mail without its key."""
    row = make_license()
    tell(make_payment(licenses=(issue(row, channel="webhook"),)))
    Message.objects.update(state="claimed", due_at=at)
    keys_erase(license_pk=row.pk, until=at, at=at)
    message = Message.objects.get()
    assert message.state == "claimed"
    assert message_send(pk=message.pk, at=at) == "failed"
