"""Runs that clients log by hand: parameters, tags and metric points, on a road of their own beside the ledger."""
