"""Writes of evidence: packages, decisions, handoffs, notifications, graces and checks."""
