"""Who may read the text of a key (D15): of test licenses whoever makes those, of all others by a right of its own."""

from __future__ import annotations

from collections.abc import Iterable

from django.http import HttpRequest

from licenses.domain.enums import Kind

SEE = "licenses.see_key_text"
MAKE_TESTS = "licenses.create_test"


def may_see_keys(request: HttpRequest, kinds: Iterable[str]) -> bool:
    """May this member of staff read keys of licenses of these kinds? Of no kind at all only who may read every one."""
    if request.user.has_perm(SEE):
        return True
    return set(kinds) == {Kind.TEST} and bool(request.user.has_perm(MAKE_TESTS))
