"""Writes verdicts, and what analysts say of them, into Neo4j: coalesced, in one transaction with the offsets they came from."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import neo4j
import stamina

from core.errors import Unavailable
from graph import coalesce, revisions, rows, schema, statements, tariff
from graph.connection import connect, is_deadlock, translated
from graph.settings import Neo4jSettings
from schemas.events import FeedbackRecord, FeedbackV1, Model, ScoredRecord, ScoredV1, Source

if TYPE_CHECKING:
    from adapters.kafka import TopicSettings

Partition = tuple[str, int]
Record = ScoredRecord | FeedbackRecord

DEADLOCK_ATTEMPTS = 6


_REHEARSED = msgspec.Raw(
    b'{"declaration_id":"ensayo","empresa":"ensayo","subpartida":"000000","puerto":"ensayo","fecha":"2000-01-01","valor_fob_usd":1}'
)


class PositionLost(Exception):
    """The graph has forgotten records that this writer had applied: it was emptied, or restored from a copy.

    Start the writer again: it reads its positions from the graph and applies what is missing.
    """


class GraphWriter:
    """Keeps the promise of a sink: `apply` is one transaction with its offsets, and applying again changes nothing.

    Blocking, for one thread. Every method raises Unavailable while Neo4j is down: back off and repeat the same call.
    """

    def __init__(self, settings: Neo4jSettings) -> None:
        self._settings = settings
        self._driver: neo4j.Driver | None = None
        self._applied: dict[Partition, int] = {}

    def open(self) -> None:
        """Connects, prepares the schema, and makes the server compile the statements, which takes seconds the first time."""
        if self._driver is None:
            self._driver = connect(self._settings)
        with translated(self._settings):
            schema.prepare(self._driver)
            with self._driver.session() as session, session.begin_transaction() as transaction:
                _write(transaction, _rehearsal())
                transaction.rollback()

    def reads(self, topics: "TopicSettings") -> Mapping[str, type[ScoredV1] | type[FeedbackV1]]:
        """Verdicts, and what analysts say of the anomalies among them. Which of the two comes first makes no difference."""
        return {topics.scored: ScoredV1, topics.feedback: FeedbackV1}

    def positions(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """The next offset to apply of each partition that the graph has records of; the others are left out."""
        wanted = set(partitions)
        with translated(self._settings), self._opened().session() as session:
            self._refuse_while_emptied(session)
            found = {(row["topic"], row["particion"]): row["offset"] for row in session.run(statements.write("positions"))}
        known = {partition: offset for partition, offset in found.items() if partition in wanted}
        # What others apply between two assignments of a partition is theirs: its count begins anew.
        self._applied = {partition: offset for partition, offset in self._applied.items() if partition not in wanted} | known
        return {partition: offset + 1 for partition, offset in known.items()}

    def apply(self, records: Sequence[Record]) -> None:
        """Adds the records that the graph does not have yet; raises PositionLost if it has fewer than it should."""
        if records:
            with translated(self._settings):
                self._applied.update(self._transaction(records))

    def close(self) -> None:
        """Lets the connections go; the writer can be opened again."""
        if self._driver is not None:
            self._driver.close()
            self._driver = None

    # Only deadlocks are repeated here: an outage is the caller's to wait for.
    @stamina.retry(on=is_deadlock, attempts=DEADLOCK_ATTEMPTS, timeout=30, wait_initial=0.02, wait_max=0.5)
    def _transaction(self, records: Sequence[Record]) -> dict[Partition, int]:
        last = {(record.topic, record.partition): record.offset for record in sorted(records, key=lambda record: record.offset)}
        with self._opened().session() as session, session.begin_transaction() as transaction:
            stored = self._locked(transaction, last)
            news = [record for record in records if record.offset > stored[record.topic, record.partition]]
            if news:
                _write(transaction, news)
                applied = {partition: max(offset, stored[partition]) for partition, offset in last.items()}
                saved = [{"topic": topic, "particion": number, "offset": offset} for (topic, number), offset in applied.items()]
                transaction.run(statements.write("save_positions"), filas=saved).consume()
                transaction.commit()
                return applied
        return stored

    def _locked(self, transaction: neo4j.Transaction, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """The last offset applied of each partition (-1: none), which nobody else changes until this transaction ends."""
        wanted = [{"topic": topic, "particion": number} for topic, number in sorted(partitions)]
        records = list(transaction.run(statements.write("lock_positions"), particiones=wanted))
        self._refuse_while_emptied(transaction)  # after locking: emptying begins by taking the positions away
        stored = {(row["topic"], row["particion"]): -1 if row["offset"] is None else row["offset"] for row in records}
        for partition, offset in stored.items():
            if offset < self._applied.get(partition, -1):
                raise PositionLost(
                    f"the graph is at offset {offset} of {partition[0]} [{partition[1]}], but {self._applied[partition]} was applied:"
                    " it was emptied or restored from a copy; start the graph writer again, so that it applies what is missing"
                )
        return stored

    def _refuse_while_emptied(self, runner: neo4j.Session | neo4j.Transaction) -> None:
        if runner.run(statements.write("is_being_emptied")).single() is not None:
            raise Unavailable(
                "graph_being_emptied",
                "the graph is being emptied: this goes on when `vigia graph rebuild` has ended; if it was cut short, run it again",
            )

    def _opened(self) -> neo4j.Driver:
        if self._driver is None:
            raise RuntimeError("the graph writer is not open: call open() first")
        return self._driver


def _write(transaction: neo4j.Transaction, records: Sequence[Record]) -> None:
    if verdicts := [record for record in records if isinstance(record, ScoredRecord)]:
        for name, parameters in rows.statements(coalesce.coalesce(verdicts), tariff.load()):
            transaction.run(statements.write(name), parameters).consume()
    if said := [record for record in records if isinstance(record, FeedbackRecord)]:
        transaction.run(statements.write("revisiones"), revisions.parameters(said)).consume()


def _rehearsal() -> list[Record]:
    """An anomalous verdict and a word on it, which together reach every statement; they are never committed."""
    verdict = ScoredV1(
        event_id="ensayo",
        declaration_id="ensayo",
        dataset="exportaciones",
        scored_at=datetime(2000, 1, 1, tzinfo=UTC).isoformat(),
        empresa="ensayo",
        subpartida="000000",
        puerto="ENSAYO",
        error=0.0,
        score=0.0,
        threshold=0.0,
        anomaly=True,
        severity="low",
        model=Model("ensayo", "0"),
        source=Source("ensayo", 0, 0),
        declaration=_REHEARSED,
    )
    said = FeedbackV1(
        feedback_id="ensayo",
        event_id=verdict.event_id,
        declaration_id=verdict.declaration_id,
        dataset=verdict.dataset,
        verdict="confirmed",
        note="",
        who="ensayo",
        given_at=verdict.scored_at,
    )
    return [ScoredRecord("ensayo", 0, 0, verdict), FeedbackRecord("ensayo", 0, 1, said)]
