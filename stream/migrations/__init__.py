"""The raw database's history, one Alembic revision a step."""
