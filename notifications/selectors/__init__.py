"""Reads of mail. Nothing here writes."""
