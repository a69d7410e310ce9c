"""Writes of billing, split by noun."""
