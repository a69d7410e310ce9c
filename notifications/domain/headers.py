"""What may stand in a header of a mail. Nothing here is ever folded or escaped: what does not fit is refused."""

from __future__ import annotations

import re
import unicodedata

LONGEST_ADDRESS = 254
LONGEST_SUBJECT = 255
LONGEST_NAME = 150

# One address as SMTP takes it: no quotes, no comments, no spaces. Letters beyond ASCII only in the domain.
_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[^\W_](?:[\w-]{0,61}[^\W_])?)(?:\.[^\W_](?:[\w-]{0,61}[^\W_])?)*"
)
_LONGEST_LOCAL_PART = 64
# They turn the order of letters around, so that a name can pretend to be another one.
_BIDI = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C])


class UnfitHeader(ValueError):
    """A text that cannot stand in a header; the message never repeats it."""


def one_line(text: str) -> str:
    """The text on one line: white space of any kind is one space, control characters are gone."""
    plain = text.encode("utf-8", "replace").decode().translate(_BIDI)
    words = " ".join(plain.split())
    return "".join(char for char in words if unicodedata.category(char) != "Cc")


def subject_line(text: str) -> str:
    """A subject: one line, cut with an ellipsis where it is too long. Raises UnfitHeader when nothing is left."""
    line = one_line(text)
    if not line:
        raise UnfitHeader("a subject is not empty")
    return line if len(line) <= LONGEST_SUBJECT else f"{line[: LONGEST_SUBJECT - 1].rstrip()}…"


def check_line(text: str, what: str) -> str:
    """A value that must be one printable line already. Raises UnfitHeader."""
    if not text.isprintable():
        raise UnfitHeader(f"{what} holds control characters or line ends")
    return text


def check_address(address: str) -> str:
    """One bare address, as `ada@acme.example`. Raises UnfitHeader."""
    check_line(address, "an address")
    if len(address) > LONGEST_ADDRESS or not _ADDRESS.fullmatch(address):
        raise UnfitHeader("this is no e-mail address")
    if len(address.rpartition("@")[0]) > _LONGEST_LOCAL_PART:
        raise UnfitHeader("this is no e-mail address")
    return address


def check_mailbox(text: str) -> str:
    """A sender: an address, or a name and an address in angle brackets. Raises UnfitHeader."""
    name, address = split_mailbox(text)
    return f'"{name}" <{address}>' if name else address


def split_mailbox(text: str) -> tuple[str, str]:
    """Name and address of a sender; the name may be empty. Raises UnfitHeader when it is neither form."""
    check_line(text, "a sender")
    if not text.endswith(">"):
        return "", check_address(text.strip())
    name, _, address = text[:-1].rpartition("<")
    name = name.strip().strip('"').strip()
    if len(name) > LONGEST_NAME or any(char in name for char in '<>"\\'):
        raise UnfitHeader("the name of a sender is too long or holds quotes or brackets")
    return name, check_address(address.strip())
