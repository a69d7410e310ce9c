"""A stand-in for Stripe: a separate HTTP process that speaks Stripe's API for the calls that Signet makes.

It checks every request against the parameter types that stripe-python publishes, keeps state, serves pages to
pay at, signs and delivers webhooks, and can be told to fail. Signet reaches it by `STRIPE_API_BASE` alone.
"""
