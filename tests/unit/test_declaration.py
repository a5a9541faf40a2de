"""What the parser does that no example file can show."""

from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import pytest

from schemas import datasets
from schemas.checks import normalise_place
from schemas.declaration import _CACHED, MAX_BYTES, Declaration, Parser, Rejected
from schemas.unknown import MAX_DEPTH

MINIMAL = {"declaration_id": "1", "empresa": "ABC", "subpartida": "110100", "puerto": "CARTAGENA"}


@pytest.fixture(scope="module")
def parser() -> Parser:
    return Parser(datasets.load("exportaciones"))


def parse(parser: Parser, **fields: object) -> Declaration | Rejected:
    return parser.parse(msgspec.json.encode({**MINIMAL, **fields}))


def refused(outcome: Declaration | Rejected) -> tuple[str, str | None]:
    assert isinstance(outcome, Rejected), outcome
    return outcome.code, outcome.field


def with_unknown(text: str) -> bytes:
    return msgspec.json.encode(MINIMAL)[:-1] + b',"nota":' + text.encode() + b"}"


def test_missing_fields_are_none_and_the_values_are_normalised(parser: Parser) -> None:
    parsed = parse(parser, empresa="  Café   de  Nariño ", puerto=" Túrbo ", pais="us", fecha="2025-09-30T23:59:59-05:00", via=" ")
    assert isinstance(parsed, Declaration)
    assert (parsed.empresa, parsed.puerto) == ("Café de Nariño", "TURBO")
    assert (parsed.pais, parsed.fecha, parsed.via, parsed.aduana, parsed.cantidad) == ("US", "2025-09-30", None, None, None)


def test_an_identifier_is_kept_exactly_as_it_was_sent(parser: Parser) -> None:
    assert parse(parser, declaration_id=" 0 1 ").declaration_id == " 0 1 "


def test_5_mb_of_text_are_too_large_and_not_even_read(parser: Parser) -> None:
    assert refused(parser.parse(b"x" * 5_000_000)) == ("too_large", None)
    assert refused(parse(parser, nota="x" * 5_000_000)) == ("too_large", None)


def test_the_largest_message_is_accepted_and_one_byte_more_is_not(parser: Parser) -> None:
    room = MAX_BYTES - len(with_unknown('""'))
    assert isinstance(parser.parse(with_unknown('"' + "x" * room + '"')), Declaration)
    assert refused(parser.parse(with_unknown('"' + "x" * (room + 1) + '"'))) == ("too_large", None)


def test_no_message_is_an_empty_value(parser: Parser) -> None:
    assert refused(parser.parse(None)) == refused(parser.parse(b"")) == ("empty_value", None)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_unknown_fields_nest_so_deep_and_no_deeper(parser: Parser, opening: str, closing: str) -> None:
    def nested(levels: int) -> bytes:
        return with_unknown(opening * levels + "1" + closing * levels)

    assert isinstance(parser.parse(nested(MAX_DEPTH)), Declaration)
    for levels in (MAX_DEPTH + 1, 500, 5_000, 100_000):
        assert refused(parser.parse(nested(levels))) == ("too_deep", None)


@pytest.mark.parametrize("levels", [5_000, 500_000])
def test_a_message_of_brackets_is_refused_and_exhausts_no_stack(parser: Parser, levels: int) -> None:
    assert refused(parser.parse(b"[" * levels)) in [("too_deep", None), ("not_json", None)]
    assert refused(parser.parse(b"[" * levels + b"]" * levels)) in [("too_deep", None), ("not_object", None)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1e999", "not_finite"),
        ("-1e999", "not_finite"),
        ("[0,[1e400]]", "not_finite"),
        ("9" * 400, "not_finite"),
        ("9" * 5000, "not_finite"),
        ("NaN", "not_finite"),
        (r'{"a":"\u0000"}', "bad_character"),
        (r'{"\u0000":1}', "bad_character"),
        (r'["\ud800 "]', "bad_character"),
        (r'"\udc00\ud800"', "bad_character"),
        ('"\x01"', "not_json"),
        (r'"\q"', "not_json"),
        ("01", "not_json"),
        ("tru", "not_json"),
    ],
)
def test_an_unknown_field_that_some_reader_could_not_read_is_refused(parser: Parser, text: str, code: str) -> None:
    assert refused(parser.parse(with_unknown(text))) == (code, None)


def test_a_nul_is_refused_even_where_a_later_value_replaces_it(parser: Parser) -> None:
    twice = with_unknown(r'"\u0000","nota":1')
    assert refused(parser.parse(twice)) == ("not_json", None)
    assert refused(parser.parse(twice.replace(b"nota", b"via").replace(b":1", b':"MAR"'))) == ("not_json", None)


def test_an_escaped_backslash_before_u0000_is_no_nul(parser: Parser) -> None:
    assert isinstance(parser.parse(with_unknown(r'"\\u0000"')), Declaration)
    assert refused(parser.parse(with_unknown(r'"\\\u0000"'))) == ("bad_character", None)


def test_of_a_repeated_field_the_last_counts_whether_or_not_the_first_made_sense(parser: Parser) -> None:
    for first in (b"1", b'"text"', b"null", b"{}"):
        raw = msgspec.json.encode(MINIMAL)[:-1] + b',"cantidad":' + first + b',"cantidad":7}'
        assert parser.parse(raw).cantidad == 7.0
        assert parser.parse(raw[:-1] + b',"nota":0}').cantidad == 7.0


def test_a_port_whose_letters_expand_beyond_the_limit_is_too_long(parser: Parser) -> None:
    assert refused(parse(parser, puerto="ﷺ" * 4)) == ("too_long", "puerto")
    assert refused(parse(parser, puerto="\u0301")) == ("empty_field", "puerto")


def test_every_letter_of_unicode_has_one_spelling_in_a_port() -> None:
    letters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    for start in range(0, len(letters), 1000):
        once = normalise_place(" ".join(letters[start : start + 1000]))
        assert normalise_place(once) == once, hex(start)


def test_remembered_texts_are_bounded_and_forgetting_changes_nothing() -> None:
    parser = Parser(datasets.load("exportaciones"))
    for number in range(_CACHED + 10):
        assert parse(parser, declaration_id=str(number), empresa=f"Ñ {number} ").empresa == f"Ñ {number}"
    assert len(parser._checked["empresa"]) <= _CACHED
    assert len(parser._checked["declaration_id"]) == 1, "ids hardly ever repeat: they are not remembered"
    assert parse(parser, empresa="Ñ 3 ").empresa == "Ñ 3"


def test_a_table_row_becomes_the_declaration_that_it_stands_for(parser: Parser) -> None:
    row = {
        **MINIMAL,
        "subpartida": 90111.0,
        "aduana": "007",
        "valor_fob_usd": " 12.5 ",
        "peso_neto_kg": "",
        "agente": 900123456,
        "via": None,
    }
    parsed = parser.from_row(row)
    assert isinstance(parsed, Declaration), parsed
    assert (parsed.subpartida, parsed.aduana, parsed.valor_fob_usd, parsed.peso_neto_kg) == ("090111", "007", 12.5, None)
    assert (parsed.agente, parsed.via) == ("900123456", None)


@pytest.mark.parametrize(
    ("cell", "code"),
    [("90111", "090111"), ("901119", "901119"), ("9011190", "09011190"), (901119000, "0901119000"), ("0901119000", "0901119000")],
)
def test_a_subpartida_gets_its_leading_zero_back(parser: Parser, cell: object, code: str) -> None:
    assert parser.from_row({**MINIMAL, "subpartida": cell}).subpartida == code


def test_a_heading_of_four_digits_is_not_made_into_a_subpartida(parser: Parser) -> None:
    assert refused(parser.from_row({**MINIMAL, "subpartida": "1101"})) == ("bad_format", "subpartida")


@pytest.mark.parametrize(
    "cell",
    [
        "2025-09-30",
        "2025-09-30 08:15:00",
        "2025-09-30T08:15",
        date(2025, 9, 30),
        datetime(2025, 9, 30, 8),
        datetime(2025, 9, 30, tzinfo=UTC),
    ],
)
def test_a_table_writes_dates_as_databases_do(parser: Parser, cell: object) -> None:
    assert parser.from_row({**MINIMAL, "fecha": cell}).fecha == "2025-09-30"


def test_numbers_in_a_table_may_be_decimals_and_blanks_are_missing(parser: Parser) -> None:
    parsed = parser.from_row(
        {**MINIMAL, "cantidad": Decimal("1.50"), "peso_neto_kg": float("nan"), "peso_bruto_kg": Decimal("sNaN"), "via": "  "}
    )
    assert (parsed.cantidad, parsed.peso_neto_kg, parsed.peso_bruto_kg, parsed.via) == (1.5, None, None, None)


@pytest.mark.parametrize(
    ("field", "cell", "code"),
    [
        ("cantidad", "many", "wrong_type"),
        ("cantidad", "-1", "out_of_range"),
        ("cantidad", "inf", "not_finite"),
        ("cantidad", True, "wrong_type"),
        ("cantidad", Decimal("1e400"), "not_finite"),
        ("fecha", "2025-02-30 08:00", "bad_format"),
        ("empresa", "", "missing_field"),
        ("subpartida", "1" * 40, "bad_format"),
    ],
)
def test_a_row_that_is_no_declaration_says_why(parser: Parser, field: str, cell: object, code: str) -> None:
    assert refused(parser.from_row({**MINIMAL, field: cell})) == (code, field)
