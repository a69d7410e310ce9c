"""What may stand in a path. Anything else is a path that does not exist, and never reaches a query.

Importing this module makes the converters known.
"""

from __future__ import annotations

from django.urls import register_converter
from django.urls.converters import StringConverter


class LicenseId(StringConverter):
    regex = "[Ll]-[A-Za-z2-7]{26}"


class TokenId(StringConverter):
    regex = "[A-Za-z0-9_-]{22}"


class CodeName(StringConverter):
    regex = "[a-z0-9][a-z0-9_.-]{0,62}"


class KeyId(StringConverter):
    regex = "[A-Za-z0-9_-]{1,43}"


class Identifier(StringConverter):
    regex = "[A-Za-z0-9][A-Za-z0-9-]{0,62}"


class VersionName(StringConverter):
    regex = "[0-9][0-9A-Za-z.+-]{0,63}"


class CouponCode(StringConverter):
    regex = "[A-Za-z0-9][A-Za-z0-9_-]{0,49}"


for name, converter in {
    "license_id": LicenseId,
    "token_id": TokenId,
    "code": CodeName,
    "key_id": KeyId,
    "identifier": Identifier,
    "coupon_code": CouponCode,
    "version": VersionName,
}.items():
    register_converter(converter, name)
