"""What storefronts sell: the back office of it."""

from billing.admin import checkouts as checkouts
from billing.admin import coupons as coupons
from billing.admin import events as events
from billing.admin import license_payments as license_payments
from billing.admin import merchants as merchants
from billing.admin import naming as naming
from billing.admin import offers as offers
from billing.admin import payments as payments
from billing.admin import subscriptions as subscriptions
from billing.admin import tier_changes as tier_changes
from billing.admin import tier_dialog as tier_dialog
