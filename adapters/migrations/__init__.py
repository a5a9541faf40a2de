"""The databases' histories, one Alembic revision a step. One that has been released is never edited: add another."""
