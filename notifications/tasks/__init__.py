"""Celery tasks: adapters over the services, safe to run twice. One module a matter; each is imported here."""

from notifications.tasks import bus as bus
from notifications.tasks import digests as digests
from notifications.tasks import drips as drips
from notifications.tasks import evidence as evidence
from notifications.tasks import mail as mail
from notifications.tasks import notices as notices
from notifications.tasks import webhooks as webhooks
