"""Subject, text and HTML of a mail."""

from __future__ import annotations

import re

import pytest

from notifications.errors import UnknownTemplate
from notifications.mail_templates import TEMPLATES
from notifications.mail_templates.license_delivery import sample
from notifications.rendering import FOLDER, render

EVERY = [(name, state) for name, template in TEMPLATES.items() for state in template.samples]
every_sample = pytest.mark.parametrize(("name", "state"), EVERY)


def rendered(name, state):
    return render(name, {**TEMPLATES[name].samples[state](), "unsubscribe_url": "http://testserver/mail/x"})


@every_sample
def test_every_sample_has_subject_text_and_html(name, state):
    mail = rendered(name, state)
    assert mail.subject.isprintable()
    assert len(mail.text) > 40
    assert "</html>" in mail.html


@every_sample
def test_every_sample_stands_by_itself(name, state):
    """Nothing is fetched from elsewhere: no image, style sheet, script or font."""
    html = re.sub(r"<a [^>]*>", "", rendered(name, state).html)
    assert not re.findall(r"<(?:img|script|link|iframe|object|form)\b", html)
    assert not re.findall(r"url\(|@import|src\s*=\s*[\"']?http", html)


@every_sample
def test_every_sample_is_styled_inline_for_light_and_dark(name, state):
    html = rendered(name, state).html
    assert 'style="' in html
    assert "@media (prefers-color-scheme: dark)" in html
    assert "@media (max-width: 480px)" in html


@every_sample
def test_every_mail_that_can_be_unsubscribed_from_has_the_link_in_text_and_html(name, state):
    """RFC 8058 goes with a link that people see."""
    mail = rendered(name, state)
    assert "http://testserver/mail/x" in mail.text
    assert 'href="http://testserver/mail/x"' in mail.html


def test_every_folder_of_templates_is_in_the_table():
    folders = {path.name for path in (FOLDER / "mail").iterdir() if path.is_dir()}
    assert folders == set(TEMPLATES)


def test_what_outsiders_typed_is_text_in_the_html_and_itself_in_the_text():
    """People: everything typed by outsiders is shown as text, and names are never templates."""
    name = '<script>alert(1)</script> {{ base_url }} & "co"'
    mail = render("license_delivery", sample(account=name, product=name))
    assert "<script" not in mail.html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{ base_url }} &amp;" in mail.html
    assert name in mail.text
    assert name in mail.subject


def test_a_key_stands_unbroken_in_text_and_html():
    mail = render("license_delivery", sample())
    assert sample()["key"] in mail.text
    assert sample()["key"] in mail.html


def test_a_subject_is_one_line_and_never_empty():
    assert render("license_delivery", sample(product="A\r\nBcc: x")).subject.startswith(
        "Your A Bcc: x license"
    )


def test_a_template_that_is_not_in_the_table_is_refused():
    with pytest.raises(UnknownTemplate):
        render("../../config/settings", {})


def test_mail_goes_out_under_the_name_of_the_sender(settings):
    settings.DEFAULT_FROM_EMAIL = "Acme Licensing <licenses@acme.example>"
    assert "Acme Licensing" in render("license_delivery", sample()).text
