"""Rules about money, coupons and Stripe's objects, without Django, settings or a clock."""
