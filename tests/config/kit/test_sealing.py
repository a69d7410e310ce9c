"""Encryption at rest, and the rotation of its keys."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from config.kit.sealing import SealingKeyMissing, reseal, seal, unseal

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture
def keys(settings):
    def use(*names: str) -> None:
        settings.KEY_ENCRYPTION_KEYS = list(names)

    return use


def test_what_is_sealed_opens_and_does_not_show():
    sealed = seal(b"a private key")
    assert b"private" not in sealed
    assert unseal(sealed) == unseal(memoryview(sealed)) == b"a private key"


def test_after_a_rotation_both_keys_open_and_the_first_seals(keys):
    keys(OLD)
    before = seal(b"x")
    keys(NEW, OLD)
    after = seal(b"x")
    assert unseal(before) == b"x"
    keys(NEW)
    assert unseal(after) == b"x"
    with pytest.raises(SealingKeyMissing):
        unseal(before)


def test_sealing_again_frees_the_old_key(keys):
    keys(OLD)
    sealed = seal(b"x")
    keys(NEW, OLD)
    again = reseal(sealed)
    keys(NEW)
    assert unseal(again) == b"x"


@pytest.mark.parametrize("bad", [[], [""], ["not a key"]])
def test_without_a_key_nothing_is_sealed_or_opened(bad, keys):
    sealed = seal(b"x")
    keys(*bad)
    for attempt in (lambda: seal(b"x"), lambda: unseal(sealed), lambda: reseal(sealed)):
        with pytest.raises(SealingKeyMissing) as refused:
            attempt()
        assert refused.value.status == 503


@pytest.mark.parametrize("place", [0, 1, 12, 13, -1])
def test_what_was_tampered_with_does_not_open(place):
    sealed = bytearray(seal(b"x"))
    sealed[place] ^= 1
    with pytest.raises(SealingKeyMissing):
        unseal(bytes(sealed))


@pytest.mark.parametrize("length", [0, 1, 12, 13, 28])
def test_what_was_cut_short_does_not_open(length):
    sealed = seal(b"x")
    with pytest.raises(SealingKeyMissing):
        unseal(sealed[:length])


def test_two_seals_of_one_text_differ():
    assert seal(b"x") != seal(b"x")


def test_what_fernet_sealed_still_opens_and_moves_on_with_a_rotation(keys):
    old = Fernet(OLD).encrypt(b"x")
    keys(NEW, OLD)
    assert unseal(old) == b"x"
    again = reseal(old)
    keys(NEW)
    assert (unseal(again), again[:1]) == (b"x", b"\x02")
    with pytest.raises(SealingKeyMissing):
        unseal(old)
