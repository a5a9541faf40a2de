"""What analysts say of alerts, and what looking at alerts and companies needs."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = """
-- The last one given of an alert holds. `published_at` is when it was seen on its topic: until then it is still to be published.
CREATE TABLE feedback (
    feedback_id    uuid        PRIMARY KEY,
    event_id       uuid        NOT NULL REFERENCES verdicts,
    dataset        text        NOT NULL,
    declaration_id text        NOT NULL,
    verdict        text        NOT NULL CHECK (verdict IN ('confirmed', 'dismissed')),
    note           text        NOT NULL,
    who            text        NOT NULL,
    given_at       timestamptz NOT NULL,
    published_at   timestamptz
);
CREATE INDEX feedback_of_alert ON feedback (event_id, given_at DESC, feedback_id DESC);
CREATE INDEX feedback_time ON feedback (given_at, feedback_id);
CREATE INDEX feedback_to_publish ON feedback (given_at) WHERE published_at IS NULL;

CREATE VIEW reviews AS
SELECT DISTINCT ON (event_id) event_id, verdict, who, note, given_at FROM feedback ORDER BY event_id, given_at DESC, feedback_id DESC;

CREATE INDEX alerts_newest ON verdicts (scored_at DESC, event_id DESC) WHERE anomaly;
CREATE INDEX alerts_strangest ON verdicts (score DESC, event_id DESC) WHERE anomaly;
CREATE INDEX verdicts_empresa ON verdicts (empresa, scored_at DESC);
"""


def upgrade() -> None:
    """Makes the tables."""
    op.execute(TABLES)


def downgrade() -> None:
    """Drops them with everything in them."""
    op.execute("DROP INDEX verdicts_empresa, alerts_strangest, alerts_newest; DROP VIEW reviews; DROP TABLE feedback")
