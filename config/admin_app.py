"""Django's admin with our site. Apart from `config.apps`, where Django allows one default app only."""

from __future__ import annotations

from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class AdminConfig(DjangoAdminConfig):
    default = False
    default_site = "config.admin_site.SignetAdminSite"
