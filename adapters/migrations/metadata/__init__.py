"""Revisions of the metadata database, oldest first."""
