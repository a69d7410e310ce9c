"""Strict text encodings: one spelling for each value, everything else refused.

Standard decoders forgive a lot (padding in odd places, stray bits, repeated JSON members, NaN). A signed
text with a second spelling is a second token for the same license, so nothing is forgiven here.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from typing import Any, Final

from licenses.domain.errors import DomainError

MAX_DEPTH: Final = 16

_FROM_URL: Final = bytes.maketrans(b"-_+/=", b"+/!!!")
# With 2 or 3 characters in the last group, the lowest 4 or 2 bits carry nothing and must be zero.
_TAILS: Final = {2: frozenset("AQgw"), 3: frozenset("AEIMQUYcgkosw048")}
_PADDING: Final = {0: b"", 2: b"==", 3: b"="}
_BAD_TEXT: Final = re.compile("[\x00\ud800-\udfff]")


class WireError(DomainError):
    """Bytes that are no strict JSON or no canonical base64."""


def b64url_encode(data: bytes) -> str:
    """RFC 7515 base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def b64url_decode(text: str) -> bytes:
    """The bytes of an unpadded base64url text; raises WireError unless it is the only spelling of them."""
    remainder = len(text) % 4
    if remainder == 1 or (remainder and text[-1] not in _TAILS[remainder]):
        raise WireError("not_canonical", "base64url with a stray last character")
    try:
        return binascii.a2b_base64(
            text.encode("ascii").translate(_FROM_URL) + _PADDING[remainder], strict_mode=True
        )
    except ValueError as error:
        raise WireError("not_base64url", "not base64url without padding") from error


def b64_decode(text: str) -> bytes:
    """The bytes of a padded standard base64 text; raises WireError unless it is the only spelling."""
    try:
        data = binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except ValueError as error:
        raise WireError("not_base64", "not standard base64") from error
    if base64.b64encode(data).decode("ascii") != text:
        raise WireError("not_canonical", "base64 with a second spelling")
    return data


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise WireError("duplicate_member", "a JSON object names a member twice")
    return members


def _refuse_constant(name: str) -> float:
    raise WireError("not_finite", f"{name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise WireError("not_finite", "a number beyond the range of a double")
    return number


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite
)
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _walk(value: object, left: int) -> None:
    if isinstance(value, str):
        if _BAD_TEXT.search(value):
            raise WireError("bad_text", "a string holds NUL or half of a surrogate pair")
        return
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list):
        if left == 0:
            raise WireError("too_deep", "JSON nested too deeply")
        for item in value:
            _walk(item, left - 1)


def json_load(data: bytes | str, *, max_depth: int = MAX_DEPTH) -> Any:
    """One JSON value from UTF-8.

    Raises WireError with reason ``not_utf8``, ``not_json``, ``duplicate_member``, ``not_finite``,
    ``too_deep`` or ``bad_text`` (NUL or a lone surrogate in a string, which databases refuse to store).
    """
    try:
        text = data if isinstance(data, str) else data.decode("utf-8")
        value = _DECODER.decode(text)
    except UnicodeDecodeError as error:
        raise WireError("not_utf8", "not UTF-8") from error
    except RecursionError as error:
        raise WireError("too_deep", "JSON nested too deeply") from error
    except WireError:
        raise
    except ValueError as error:
        raise WireError("not_json", "not JSON") from error
    # Most texts are flat and hold no escapes: then neither depth nor bad characters are possible.
    if text.count("{") + text.count("[") > max_depth or "\\u" in text or isinstance(data, str):
        _walk(value, max_depth)
    return value


def json_dump(value: object) -> bytes:
    """Compact UTF-8 JSON in the order of the members; raises WireError for what JSON cannot say."""
    try:
        return _ENCODER.encode(value).encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise WireError("not_encodable", "a value that JSON in UTF-8 cannot say") from error
