"""One promise, written once: what every sink of verdicts does, the one in memory, the graph and the archive."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit

import neo4j
import psycopg
import psycopg.conninfo
import pytest
from pydantic import SecretStr

from adapters.kafka import TopicSettings
from core.errors import Unavailable
from graph.settings import Neo4jSettings
from graph.writer import GraphWriter
from schemas.events import ScoredRecord, ScoredV1
from stream.archive import Archive
from stream.sinking import Sink
from tests.fakes import MemorySink
from tests.proxy import Proxy, closed_port
from tests.trade import Trade

Contents = dict[tuple[str, str, str, str], tuple[int, int]]
"""By dataset, empresa, subpartida and puerto: how many declarations there are, and how many anomalies."""


def expected(verdicts: Iterable[ScoredV1]) -> Contents:
    """The naive group-by."""
    groups: Contents = {}
    for verdict in verdicts:
        key = (verdict.dataset, verdict.empresa, verdict.subpartida, verdict.puerto)
        count, anomalies = groups.get(key, (0, 0))
        groups[key] = (count + 1, anomalies + verdict.anomaly)
    return groups


class SinkContract:
    """Inherit it with `new()`, which makes another client of the same store, and `contents(trade)`, which looks into it."""

    @pytest.fixture
    def trade(self) -> Trade:
        return Trade()

    @pytest.fixture
    def sink(self) -> Iterator[Sink]:
        sink = self.new()
        sink.open()
        yield sink
        sink.close()

    def test_it_reads_the_verdicts_whatever_their_topic_is_called(self, sink):
        assert sink.reads(TopicSettings(scored="veredictos"))["veredictos"] is ScoredV1

    def test_it_does_not_know_partitions_that_it_has_nothing_of(self, sink, trade):
        assert sink.positions([(trade.topic, 0), (trade.topic, 1)]) == {}

    def test_it_holds_what_was_applied_and_the_next_offset(self, sink, trade):
        records = trade.records(0, 3) + trade.records(3, 4, anomaly=True, score=4.0)
        sink.apply(records)
        assert self.contents(trade) == expected(record.verdict for record in records)
        assert sink.positions([(trade.topic, 0)]) == {(trade.topic, 0): 4}

    def test_nothing_is_nothing(self, sink, trade):
        sink.apply([])
        assert self.contents(trade) == {}

    def test_applying_twice_is_applying_once(self, sink, trade):
        records = trade.records(0, 5, anomaly=True)
        sink.apply(records)
        sink.apply(records)
        assert self.contents(trade) == expected(record.verdict for record in records)
        assert sink.positions([(trade.topic, 0)]) == {(trade.topic, 0): 5}

    def test_of_a_batch_that_overlaps_only_the_new_part_is_applied(self, sink, trade):
        records = trade.records(0, 6)
        sink.apply(records[:4])
        sink.apply(records[2:])
        assert self.contents(trade) == expected(record.verdict for record in records)
        assert sink.positions([(trade.topic, 0)]) == {(trade.topic, 0): 6}

    def test_an_old_batch_does_not_take_the_position_back(self, sink, trade):
        records = trade.records(0, 6)
        sink.apply(records)
        sink.apply(records[:2])
        assert sink.positions([(trade.topic, 0)]) == {(trade.topic, 0): 6}

    def test_offsets_may_have_gaps(self, sink, trade):
        sink.apply([trade.record(7), trade.record(20)])
        assert sink.positions([(trade.topic, 0)]) == {(trade.topic, 0): 21}

    def test_partitions_advance_on_their_own(self, sink, trade):
        first, second = trade.records(0, 4), trade.records(0, 2, partition=1)
        sink.apply(first[:2])
        sink.apply([*first, *second])
        assert self.contents(trade) == expected(record.verdict for record in [*first, *second])
        assert sink.positions([(trade.topic, 0), (trade.topic, 1)]) == {(trade.topic, 0): 4, (trade.topic, 1): 2}

    def test_positions_and_contents_survive_the_client(self, sink, trade):
        records = trade.records(0, 4)
        sink.apply(records[:3])
        sink.close()
        successor = self.new()
        successor.open()
        assert successor.positions([(trade.topic, 0)]) == {(trade.topic, 0): 3}
        successor.apply(records)
        successor.close()
        assert self.contents(trade) == expected(record.verdict for record in records)

    def test_a_closed_one_can_be_opened_again(self, sink, trade):
        sink.close()
        sink.open()
        sink.apply(trade.records(0, 1))
        assert sink.positions([(trade.topic, 0)]) == {(trade.topic, 0): 1}

    def test_two_datasets_do_not_mix(self, sink, trade):
        records = [trade.record(0), trade.record(1, dataset="sustancias_controladas"), trade.record(2, dataset="sustancias_controladas")]
        sink.apply(records)
        assert self.contents(trade) == expected(record.verdict for record in records)

    def test_odd_but_valid_text_is_stored(self, sink, trade):
        odd = {"nota": "NUL \x00, \ud800, 'comillas' \"dobles\" \\ \\N \t\n", "contraparte": "Łódź 株式会社 🚢"}
        records = [trade.record(0, empresa="O'Neil \\ {id: 1} $x; 100 %", anomaly=True, **odd)]
        sink.apply(records)
        assert self.contents(trade) == expected(record.verdict for record in records)

    def test_codes_of_six_to_ten_digits_are_stored_known_to_the_tariff_or_not(self, sink, trade):
        codes = ["090111", "09011190", "0901119000", "999999", "7701010000"]
        records = [trade.record(offset, subpartida=code) for offset, code in enumerate(codes)]
        sink.apply(records)
        assert self.contents(trade) == expected(record.verdict for record in records)


class ServerContract(SinkContract):
    """What can only be asked of a sink with a server behind it."""

    def test_two_clients_with_the_same_records_apply_them_once(self, trade):
        records = [trade.record(offset, empresa=f"E{offset % 17}", anomaly=offset % 5 == 0) for offset in range(400)]
        batches = [records[start : start + 50] for start in range(0, 400, 50)]
        self._at_once(batches, batches)
        assert self.contents(trade) == expected(record.verdict for record in records)

    def test_positions_of_another_topic_are_not_its_own(self, trade):
        sink = self.new()
        sink.open()
        sink.apply(trade.records(0, 3))
        assert sink.positions([(trade.topic, 0), (trade.feedback_topic, 0)]) == {(trade.topic, 0): 3}
        sink.close()

    def test_two_clients_that_share_companies_lose_nothing(self, trade):
        def batches(partition: int) -> list[list[ScoredRecord]]:
            def record(offset: int) -> ScoredRecord:
                return trade.record(offset, partition=partition, empresa=f"E{offset * 7 % 23}", subpartida=f"09011{offset % 3}")

            return [[record(offset) for offset in range(start, start + 60)] for start in range(0, 480, 60)]

        one, other = batches(0), batches(1)
        self._at_once(one, other)
        assert self.contents(trade) == expected(record.verdict for batch in one + other for record in batch)

    def test_without_a_server_it_is_unavailable(self):
        with pytest.raises(Unavailable):
            self.unreachable().open()

    def test_after_an_outage_the_same_batch_is_applied_once(self, trade):
        records = trade.records(0, 6)
        with self.behind_a_proxy() as (sink, proxy):
            sink.open()
            sink.apply(records[:3])
            proxy.cut()
            with pytest.raises(Unavailable):
                sink.apply(records)
            with pytest.raises(Unavailable):
                sink.positions([(trade.topic, 0)])
            proxy.mend()
            sink.apply(records)
            assert sink.positions([(trade.topic, 0)]) == {(trade.topic, 0): 6}
            sink.close()
        assert self.contents(trade) == expected(record.verdict for record in records)

    def _at_once(self, *work: list[list[ScoredRecord]]) -> None:
        """Applies each piece of work, batch after batch, with a client and in a thread of its own."""

        def run(batches: list[list[ScoredRecord]]) -> None:
            sink = self.new()
            sink.open()
            for batch in batches:
                sink.apply(batch)
            sink.close()

        with ThreadPoolExecutor(len(work)) as threads:
            list(threads.map(run, work))


class TestMemorySink(SinkContract):
    @pytest.fixture(autouse=True)
    def _store(self):
        self.store: dict[str, dict] = {}

    def new(self) -> Sink:
        return MemorySink(self.store)

    def contents(self, trade: Trade) -> Contents:
        return expected(self.store["verdicts"].values())


class TestGraphWriter(ServerContract):
    @pytest.fixture(autouse=True)
    def _server(self, neo4j_settings: Neo4jSettings):
        self.settings = neo4j_settings

    def new(self) -> Sink:
        return GraphWriter(self.settings)

    def unreachable(self) -> Sink:
        with closed_port() as port:
            return GraphWriter(self.settings.model_copy(update={"uri": f"bolt://127.0.0.1:{port}"}))

    @contextmanager
    def behind_a_proxy(self):
        address = urlsplit(self.settings.uri)
        with Proxy(address.hostname, address.port) as proxy:
            yield GraphWriter(self.settings.model_copy(update={"uri": f"bolt://127.0.0.1:{proxy.port}"})), proxy

    def contents(self, trade: Trade) -> Contents:
        query = """
            MATCH (e:Empresa)-[d:DECLARA]->(s:Subpartida) WHERE e.id STARTS WITH $mark
            RETURN d.dataset, e.id, s.codigo, d.puerto, d.declaraciones, d.anomalias
        """
        auth = (self.settings.user, self.settings.password.get_secret_value())
        with neo4j.GraphDatabase.driver(self.settings.uri, auth=auth) as driver:
            rows = [tuple(row) for row in driver.execute_query(query, mark=trade.mark).records]
        found = {row[:4]: row[4:] for row in rows}
        assert len(found) == len(rows), "a relation exists twice"
        return found


class TestArchive(ServerContract):
    @pytest.fixture(autouse=True)
    def _server(self, raw_database_url: SecretStr):
        self.url = raw_database_url

    def new(self) -> Sink:
        return Archive(self.url)

    def unreachable(self) -> Sink:
        with closed_port() as port:
            return Archive(SecretStr(f"postgresql://nobody@127.0.0.1:{port}/raw"))

    @contextmanager
    def behind_a_proxy(self):
        info = psycopg.conninfo.conninfo_to_dict(self.url.get_secret_value())
        with Proxy(str(info["host"]), int(info.get("port") or 5432)) as proxy:
            through = psycopg.conninfo.make_conninfo(**{**info, "host": "127.0.0.1", "port": proxy.port})
            yield Archive(SecretStr(through)), proxy

    def contents(self, trade: Trade) -> Contents:
        query = """
            SELECT v.dataset, v.empresa, v.subpartida, v.puerto, count(*), count(*) FILTER (WHERE v.anomaly)
            FROM verdicts v JOIN declarations d USING (dataset, declaration_id)
            WHERE v.empresa LIKE %s GROUP BY 1, 2, 3, 4
        """
        with psycopg.connect(self.url.get_secret_value()) as connection:
            return {row[:4]: row[4:] for row in connection.execute(query, [f"{trade.mark}%"])}
