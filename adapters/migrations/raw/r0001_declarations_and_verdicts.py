"""Declarations as they were received, the verdicts on them, and how far the stream has been archived."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
-- One row per declaration, whatever brought it: `source` says which way it came.
-- `declaration` is json, not jsonb: it keeps the text that was received, escapes such as \\u0000 included, which jsonb refuses.
CREATE TABLE declarations (
    dataset        text        NOT NULL,
    declaration_id text        NOT NULL,
    empresa        text        NOT NULL,
    subpartida     text        NOT NULL,
    puerto         text        NOT NULL,
    fecha          date,
    source         text        NOT NULL,
    received_at    timestamptz NOT NULL DEFAULT now(),
    declaration    json        NOT NULL,
    PRIMARY KEY (dataset, declaration_id)
);
CREATE INDEX declarations_fecha ON declarations (dataset, fecha);

-- One row per declaration and model version. No foreign key: both rows are written in one transaction,
-- and checking each again would cost a lookup per verdict.
CREATE TABLE verdicts (
    event_id         uuid             PRIMARY KEY,
    dataset          text             NOT NULL,
    declaration_id   text             NOT NULL,
    empresa          text             NOT NULL,
    subpartida       text             NOT NULL,
    puerto           text             NOT NULL,
    scored_at        timestamptz      NOT NULL,
    error            double precision NOT NULL,
    score            double precision NOT NULL,
    threshold        double precision NOT NULL,
    anomaly          boolean          NOT NULL,
    severity         text,
    model_name       text             NOT NULL,
    model_version    text             NOT NULL,
    source_topic     text             NOT NULL,
    source_partition integer          NOT NULL,
    source_offset    bigint           NOT NULL
);
CREATE INDEX verdicts_declaration ON verdicts (dataset, declaration_id);
CREATE INDEX alerts_time ON verdicts (dataset, scored_at DESC) WHERE anomaly;
CREATE INDEX alerts_score ON verdicts (dataset, score DESC) WHERE anomaly;
CREATE INDEX alerts_empresa ON verdicts (empresa, scored_at DESC) WHERE anomaly;

CREATE VIEW alerts AS
SELECT v.*, d.fecha, d.declaration
FROM verdicts v JOIN declarations d USING (dataset, declaration_id)
WHERE v.anomaly;

-- The next offset to archive, written in the transaction of the records before it.
CREATE TABLE stream_positions (
    topic       text        NOT NULL,
    partition   integer     NOT NULL,
    next_offset bigint      NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition)
);
"""


def upgrade() -> None:
    """Makes the tables."""
    op.execute(TABLES)


def downgrade() -> None:
    """Drops them with everything in them."""
    op.execute("DROP VIEW alerts; DROP TABLE stream_positions, verdicts, declarations")
