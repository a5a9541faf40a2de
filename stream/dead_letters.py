"""Dead letters out into a file that a person can mend, and the mended ones back onto the topic they came from."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, Producer, TopicPartition

from adapters.kafka import KafkaSettings, TopicSettings
from schemas import datasets
from schemas.declaration import Parser, Rejected


class Letter(msgspec.Struct, kw_only=True):
    """A line of the file: the reason, the place, and the message as text. Only `topic`, `key` and `value` are sent back.

    Bytes that are not UTF-8 are written as `\\xff` escapes in `key` and `value`.
    """

    code: str = ""
    field: str = ""
    message: str = ""
    topic: str
    partition: str = ""
    offset: str = ""
    key: str | None
    value: str


def export(kafka: KafkaSettings, topics: TopicSettings, file: Path, code: str | None = None) -> int:
    """Writes the dead letters that are there now, all or those of one code, as JSON lines; returns how many."""
    written = 0
    with file.open("wb") as out:
        for message in _read(kafka, topics.dead_letter):
            letter = _letter(message)
            if code in (None, letter.code):
                out.write(msgspec.json.encode(letter) + b"\n")
                written += 1
    return written


def replay(kafka: KafkaSettings, topics: TopicSettings, file: Path) -> tuple[int, list[tuple[int, str]]]:
    """Sends the lines that are declarations now; returns how many, and for each of the others its number and the reason."""
    parsers = {topic: Parser(datasets.load(dataset)) for dataset, topic in topics.declarations.items()}
    producer = Producer(kafka.client(**{"enable.idempotence": True}))
    sent, refused = 0, list[tuple[int, str]]()
    for number, line in enumerate(file.read_bytes().splitlines(), 1):
        try:
            letter = msgspec.json.decode(line, type=Letter)
        except msgspec.DecodeError as error:
            refused.append((number, f"it is no line of an export: {error}"))
            continue
        if letter.topic not in parsers:
            refused.append((number, f"{letter.topic!r} is no topic of declarations: they are {', '.join(sorted(parsers))}"))
            continue
        value = letter.value.encode()
        parsed = parsers[letter.topic].parse(value)
        if isinstance(parsed, Rejected):
            refused.append((number, parsed.message))
            continue
        producer.produce(letter.topic, value, letter.key if letter.key is not None else parsed.empresa)
        sent += 1
    producer.flush()
    return sent, refused


def _letter(message: Message) -> Letter:
    headers = {name: _text(value) for name, value in list(message.headers() or [])}
    place = {name: headers.get(f"__connect.errors.{name}", "") for name in ("topic", "partition", "offset")}
    key = message.key()
    return Letter(
        code=headers.get("vigia.code", ""),
        field=headers.get("vigia.field", ""),
        message=headers.get("__connect.errors.exception.message", ""),
        **place,
        key=None if key is None else _text(key),
        value=_text(message.value()),
    )


def _text(value: bytes | str | None) -> str:
    return value if isinstance(value, str) else (value or b"").decode("utf-8", "backslashreplace")


def _read(kafka: KafkaSettings, topic: str) -> Iterator[Message]:
    """Every message that the topic has now."""
    options = {"group.id": "vigia-replay", "enable.auto.commit": False, "isolation.level": "read_committed", "enable.partition.eof": True}
    consumer = Consumer(kafka.client(**options))
    try:
        partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
        ended: set[int | None] = set()
        while len(ended) < len(partitions):
            for message in consumer.consume(500, timeout=1.0):
                if message.error() is None:
                    yield message
                else:
                    ended.add(message.partition())
    finally:
        consumer.close()
