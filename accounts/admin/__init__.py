"""Admin pages of this app. Each changes rows through services only."""

from __future__ import annotations

from accounts.admin.accounts import AccountAdmin
from accounts.admin.api_keys import ApiKeyAdmin
from accounts.admin.roles import RoleAdmin
from accounts.admin.users import UserAdmin

__all__ = ["AccountAdmin", "ApiKeyAdmin", "RoleAdmin", "UserAdmin"]
