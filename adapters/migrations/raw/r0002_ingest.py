"""What a source's pages brought that is no declaration, how far each source was read, and what watching looks for."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = """
-- Rows that are no declarations, as they came. A page lands in one transaction with its position, so its lines are there once.
CREATE TABLE rejected_rows (
    source      text        NOT NULL,
    dataset     text        NOT NULL,
    page        text        NOT NULL,
    line        integer     NOT NULL,
    code        text        NOT NULL,
    field       text,
    message     text        NOT NULL,
    content     text        NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, dataset, page, line)
);

-- The cursor of the page to read next.
CREATE TABLE source_positions (
    source     text        NOT NULL,
    dataset    text        NOT NULL,
    cursor     text        NOT NULL,
    rows       bigint      NOT NULL DEFAULT 0,
    rejected   bigint      NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, dataset)
);

CREATE INDEX declarations_received ON declarations (dataset, received_at);
CREATE INDEX verdicts_time ON verdicts (dataset, scored_at);
"""


def upgrade() -> None:
    """Makes the tables."""
    op.execute(TABLES)


def downgrade() -> None:
    """Drops them with everything in them."""
    op.execute("DROP INDEX verdicts_time, declarations_received; DROP TABLE source_positions, rejected_rows")
