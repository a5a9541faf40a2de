"""Revisions of the raw database, oldest first."""
