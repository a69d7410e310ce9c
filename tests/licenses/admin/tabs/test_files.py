"""What can be downloaded, and the commands that check it offline."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from django.urls import reverse

from licenses.models import Issuance, SigningKey
from licenses.services.catalogue import product_update

pytestmark = pytest.mark.django_db


def recipe(browser, address, name="verify-openssl") -> str:
    return next(each.text for each in browser.get(address).context["recipes"] if each.key == name)


def test_every_kept_key_can_be_downloaded(manager, granted, issue, tab):
    """E23: the bytes equal those issued."""
    issue(granted.license, format="envelope")
    issue(granted.license, persist=False)
    answer = manager.get(tab(granted.license, "files"))
    files = [answer.context["newest"], *answer.context["earlier"]]
    names = [file.name.rpartition(".")[2] for file in files]
    assert names == ["lic", "jwt"]
    url = reverse("admin:licenses_issuance_file", args=[granted.issued.issuance.pk])
    assert f'action="{url}"' in answer.content.decode()
    assert manager.post(url).content.decode() == granted.issued.text


def test_who_may_not_see_keys_has_no_button(looker, license_, tab):
    """D15"""
    text = looker.get(tab(license_, "files")).content.decode()
    assert "Download" not in text
    assert "You may not see the text of keys" in text


def test_keys_that_were_not_kept_are_said_to_be_gone(manager, make_license, issue, tab):
    row = make_license()
    issue(row, persist=False)
    assert "were not kept; only their hashes stay" in manager.get(tab(row, "files")).content.decode()


def test_the_public_key_is_where_the_page_says(manager, license_, tab):
    """A5: deployments fetch it without a credential."""
    url = manager.get(tab(license_, "files")).context["pem_url"]
    answer = manager.get("/" + url.split("/", 3)[3])
    key = license_.issuances.get().signing_key
    assert answer.content.decode().count("BEGIN PUBLIC KEY") == 1
    assert key.kid in answer.content.decode()


def test_a_revoked_public_key_is_not_offered(manager, license_, rsa_key, tab):
    SigningKey.objects.filter(pk=rsa_key.pk).update(state="revoked", slot=None)
    text = manager.get(tab(license_, "files")).content.decode()
    assert "published no more" in text
    assert "openssl dgst" not in text


@pytest.mark.parametrize(
    ("algorithm", "format_", "says"),
    [
        ("RS256", "jwt", "Verified OK"),
        ("EdDSA", "jwt", "Verified Successfully"),
        ("RS256", "envelope", "Verified OK"),
    ],
)
def test_the_commands_of_the_page_verify_the_file(
    manager, make_license, product, issue, tab, tmp_path, at, algorithm, format_, says
):
    """A5: by anybody, with openssl; run as they stand there but for the fetching of the public key."""
    product_update(product=product, algorithm=algorithm, actor="cli:test", at=at)
    row = make_license()
    issued = issue(row, format=format_)
    fetch, _, commands = recipe(manager, tab(row, "files")).partition("\n")
    assert fetch.startswith("curl -fsS ")
    name = manager.get(tab(row, "files")).context["newest"].name
    (tmp_path / name).write_text(issued.text)
    (tmp_path / "key.pem").write_text(issued.issuance.signing_key.public_pem)
    bash = shutil.which("bash")
    assert bash, "bash is needed to prove the commands"
    done = subprocess.run([bash, "-c", commands], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert says in done.stdout
    assert f'"lic":"{row.public_id}"' in done.stdout.replace(" ", "")


def test_a_lic1_key_has_our_own_verifier_alone(manager, license_, issue, tab):
    issue(license_, format="lic1")
    found = manager.get(tab(license_, "files")).context["recipes"]
    assert [each.key for each in found] == ["verify-own"]
    assert "license verify --jwks jwks.json --token acme-demo-" in found[0].text


def test_many_files_are_bounded(manager, license_, issue, tab):
    for _ in range(51):
        issue(license_)
    answer = manager.get(tab(license_, "files"))
    assert (len(answer.context["earlier"]), answer.context["more"]) == (49, True)
    assert Issuance.objects.count() == 52
