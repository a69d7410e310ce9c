"""Mail files in the admin."""

from __future__ import annotations

import pytest
from django.core.mail import EmailMultiAlternatives
from django.urls import reverse

from config.mail_files import BACKEND, MAX_BYTES

pytestmark = pytest.mark.django_db

LIST = reverse("admin:mail_files")


@pytest.fixture
def folder(settings, tmp_path):
    settings.EMAIL_BACKEND = BACKEND
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    return tmp_path / "mail"


@pytest.fixture
def root(signed_in, superadmin):
    return signed_in(superadmin)


def send(text="Hello", html=""):
    mail = EmailMultiAlternatives("Your trial", text, to=["ada@acme.example"])
    if html:
        mail.attach_alternative(html, "text/html")
    mail.send()


def page(folder):
    return reverse("admin:mail_file", args=[next(folder.iterdir()).name])


def test_mail_that_was_sent_is_listed_and_shown(root, folder):
    send("Grüße, your trial is here.")
    assert next(folder.iterdir()).name in root.get(LIST).content.decode()
    text = root.get(page(folder)).content.decode()
    assert "Grüße, your trial is here." in text
    assert "ada@acme.example" in text


def test_what_a_mail_holds_is_text_or_in_a_frame_without_scripts(root, folder):
    send("<script>alert(1)</script>", "<p>Hello</p><script>alert(2)</script>")
    text = root.get(page(folder)).content.decode()
    assert "<script>alert" not in text
    assert 'sandbox=""' in text
    assert 'srcdoc="&lt;p&gt;Hello' in text


@pytest.mark.parametrize("name", ["..", "nothing.log", "..%2Fdb.sqlite3", "%2Fetc%2Fpasswd"])
def test_only_a_file_of_the_list_is_opened(root, folder, name):
    send()
    (folder.parent / "db.sqlite3").write_text("secret")
    assert root.get(f"{LIST}{name}/").status_code == 404


def test_a_link_out_of_the_folder_is_no_file(root, folder):
    send()
    (folder.parent / "secret").write_text("secret")
    (folder / "link.log").symlink_to(folder.parent / "secret")
    assert "link.log" not in root.get(LIST).content.decode()
    assert root.get(f"{LIST}link.log/").status_code == 404


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b"Content-Type: text/plain; charset=nobody\n\nhi",
        b"-" * 79,
        b"a" * (MAX_BYTES + 1),
    ],
)
def test_a_strange_file_is_no_error(root, folder, content):
    folder.mkdir()
    (folder / "odd.log").write_bytes(content)
    assert root.get(page(folder)).status_code == 200


def test_only_superadmins_look(signed_in, license_manager, folder):
    send()
    browser = signed_in(license_manager)
    assert (browser.get(LIST).status_code, browser.get(page(folder)).status_code) == (403, 403)


def test_there_is_no_such_page_where_mail_is_sent(root):
    assert root.get(LIST).status_code == 404


def test_before_the_first_mail_the_list_is_empty(root, folder):
    assert "No mail was written yet" in root.get(LIST).content.decode()
