from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.domain.headers import check_address
from trials.domain.addresses import AddressError, is_disposable, is_free_mail, read_address


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        ("Anna@Acme.Example", "anna@acme.example"),
        ("anna+trial@acme.example", "anna@acme.example"),
        ("a.n.n.a+7@Gmail.com", "anna@gmail.com"),
        ("anna@googlemail.com", "anna@gmail.com"),
        ("an.na@acme.example", "an.na@acme.example"),
        ("anna-trial@yahoo.com", "anna@yahoo.com"),
        ("anna-trial@acme.example", "anna-trial@acme.example"),
        ("anna@pm.me", "anna@proton.me"),
        ("  anna@acme.example ", "anna@acme.example"),
        ("anna@bücher.example", "anna@xn--bcher-kva.example"),
        ("\uff41nna@acme.example", "anna@acme.example"),
    ],
)
def test_two_spellings_of_one_mailbox_are_one_address(typed, canonical):
    """A21: same customer is same normalized e-mail."""
    assert read_address(typed).canonical == canonical


@pytest.mark.parametrize(
    "typed",
    ["", "anna", "@acme.example", "anna@", "anna@acme", "anna@@acme.example", "a b@acme.example", "anna@1.2.3.4",
     "anna@acme..example", "anna@acme.example\r\nBcc: x@y.example", "<anna@acme.example>", ".anna@acme.example",
     "an..na@acme.example", "anna@-", "x" * 250 + "@a.example", "anna@acme.example\x00",
     "\u0130@acme.example", "\u0430nna@acme.example", "x" * 65 + "@acme.example"],
)  # fmt: skip
def test_what_mail_could_not_go_to_is_refused(typed):
    with pytest.raises(AddressError):
        read_address(typed)


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        (" A.n.n.a+7@Gmail.com ", "A.n.n.a+7@Gmail.com"),
        ("\uff41nna@acme.example", "anna@acme.example"),
        ("anna@b\u00fccher.example", "anna@xn--bcher-kva.example"),
        ("anna@acme.example.", "anna@acme.example"),
    ],
)
def test_mail_goes_to_what_was_typed_in_letters_that_mail_knows(typed, sent):
    """A21: an address that no mail server takes would stop the license on its way."""
    assert read_address(typed).typed == sent


@given(st.text(max_size=300))
def test_reading_never_breaks_and_is_stable(text):
    try:
        first = read_address(text)
    except AddressError:
        return
    assert read_address(first.canonical).canonical == first.canonical


@given(
    st.text(alphabet="aZ0.+-_!#$%&'*/=?^`{|}~\u0130\uff41\u00df@ ", min_size=1, max_size=70),
    st.text(alphabet="aZ0.-\u00fc\u0130\u3002\u00df", min_size=1, max_size=40),
)
def test_mail_can_be_sent_to_every_address_that_is_taken(local, domain):
    """A21: or a stranger's spelling would stop the reader that sends the license."""
    try:
        address = read_address(f"{local}@{domain}.example")
    except AddressError:
        return
    assert check_address(address.typed) == address.typed


@pytest.mark.parametrize("domain", ["gmail.com", "outlook.com", "gmx.de", "posteo.de", "proton.me"])
def test_a_free_mail_domain_is_no_company(domain):
    assert is_free_mail(domain)
    assert read_address(f"anna@{domain}").company_domain == ""


def test_a_domain_of_ones_own_is_a_company():
    assert read_address("anna@acme.example").company_domain == "acme.example"


@pytest.mark.parametrize(
    ("domain", "known"), [("mailinator.com", True), ("sub.mailinator.com", True), ("acme.example", False)]
)
def test_throw_away_domains_are_known_with_their_subdomains(domain, known):
    assert is_disposable(domain) is known
