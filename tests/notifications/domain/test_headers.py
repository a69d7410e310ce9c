"""What may stand in a header of a mail."""

from __future__ import annotations

import pytest

from notifications.domain.headers import (
    LONGEST_SUBJECT,
    UnfitHeader,
    check_address,
    check_mailbox,
    one_line,
    split_mailbox,
    subject_line,
)

LINE_ENDS = ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"]


@pytest.mark.parametrize("end", LINE_ENDS)
def test_a_subject_is_one_line_whatever_line_end_was_typed(end):
    """People: no header injection."""
    assert subject_line(f"Acme{end}Bcc: eve@evil.example") == "Acme Bcc: eve@evil.example"


def test_a_subject_without_a_word_is_refused():
    with pytest.raises(UnfitHeader):
        subject_line(" \r\n\u2028 ")


def test_a_long_subject_is_cut_with_an_ellipsis():
    assert subject_line("x" * LONGEST_SUBJECT) == "x" * LONGEST_SUBJECT
    line = subject_line("x" * (LONGEST_SUBJECT + 1))
    assert (len(line), line[-1]) == (LONGEST_SUBJECT, "…")


def test_letters_cannot_be_turned_around_and_control_characters_are_gone():
    assert one_line("evil\u202egpj.exe \x00\x07\x1bred \ud800") == "evilgpj.exe red ?"


@pytest.mark.parametrize(
    "address", ["ada@acme.example", "a.b+c@x-y.example", "root@localhost", "ada@exämple.example"]
)
def test_an_address_passes(address):
    assert check_address(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "", "ada", "@acme.example", "ada@", "ada@acme.example\n", "ada@acme.example\r\nBcc: eve@evil.example",
        "ada@acme.example, eve@evil.example", "ada @acme.example", "<ada@acme.example>", '"a b"@acme.example',
        "ada@acme.example\x00", "ada@acme..example", ".ada@acme.example", "ada@-acme.example",
        "a" * 65 + "@acme.example", "a@" + "b." * 126 + "example", "ada@acme.example\u2028",
    ],
)  # fmt: skip
def test_what_is_no_single_address_is_refused(address):
    """People: CR and LF in every address."""
    with pytest.raises(UnfitHeader):
        check_address(address)


def test_a_sender_has_a_name_or_not():
    assert check_mailbox("Acme, Inc. <a@acme.example>") == '"Acme, Inc." <a@acme.example>'
    assert check_mailbox('"Müller" <a@acme.example>') == '"Müller" <a@acme.example>'
    assert check_mailbox("a@acme.example") == "a@acme.example"
    assert split_mailbox("Signet <signet@localhost>") == ("Signet", "signet@localhost")


@pytest.mark.parametrize(
    "sender",
    [
        "Acme\r\nBcc: eve@evil.example <a@acme.example>", "Acme <a@acme.example>\n", 'A"B <a@acme.example>',
        "Acme <a@acme.example> <b@acme.example>", "Acme <>", "Acme", "x" * 151 + " <a@acme.example>",
    ],
)  # fmt: skip
def test_what_is_no_sender_is_refused(sender):
    with pytest.raises(UnfitHeader):
        check_mailbox(sender)
