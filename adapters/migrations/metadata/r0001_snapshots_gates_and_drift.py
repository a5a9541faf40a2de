"""What models learned from, how they were judged, and how far the stream has moved since."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
-- The rows that a model learns from and is judged on, frozen: `artifacts` is where their tables are.
CREATE TABLE snapshots (
    id         uuid        PRIMARY KEY,
    dataset    text        NOT NULL,
    first_day  date,
    last_day   date,
    rows       bigint      NOT NULL,
    judged     bigint      NOT NULL,
    digest     text        NOT NULL,
    checks     jsonb       NOT NULL,
    fit        boolean     NOT NULL,
    artifacts  text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX snapshots_time ON snapshots (dataset, created_at DESC);

-- What the gate said of a version, and why.
CREATE TABLE gates (
    model      text        NOT NULL,
    version    text        NOT NULL,
    dataset    text        NOT NULL,
    snapshot   uuid        NOT NULL REFERENCES snapshots,
    champion   text,
    promote    boolean     NOT NULL,
    reasons    jsonb       NOT NULL,
    measures   jsonb       NOT NULL,
    judged_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (model, version)
);

-- What was usual when a version was made.
CREATE TABLE baselines (
    model      text        NOT NULL,
    version    text        NOT NULL,
    dataset    text        NOT NULL,
    baseline   jsonb       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (model, version)
);

-- What each run of watching found, and whether it asked for a retraining.
CREATE TABLE drift_reports (
    id         uuid        PRIMARY KEY,
    dataset    text        NOT NULL,
    model      text        NOT NULL,
    version    text        NOT NULL,
    verdicts   bigint      NOT NULL,
    drifted    boolean     NOT NULL,
    triggered  boolean     NOT NULL,
    signals    jsonb       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX drift_reports_time ON drift_reports (dataset, created_at DESC);
"""


def upgrade() -> None:
    """Makes the tables."""
    op.execute(TABLES)


def downgrade() -> None:
    """Drops them with everything in them."""
    op.execute("DROP TABLE drift_reports, baselines, gates, snapshots")
