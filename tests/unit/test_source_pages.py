"""A page of the source: what becomes a declaration, what is rejected, and what is no page."""

import pytest

from core.errors import ConfigurationError
from flows.source import read
from schemas.declaration import Parser
from tests.declarations import SPEC

HEAD = "declaration_id,empresa,subpartida,puerto,valor_fob_usd\r\n"
PARSER = Parser(SPEC)


def test_rows_are_declarations_or_say_why_not_and_lines_are_counted() -> None:
    page = read(
        f'{HEAD}1,"ABC, S.A.",110100,CARTAGENA,12.5\r\n2,ABC,110100,,1\r\n3,ABC,110100,CARTAGENA\r\n4,ABC,0101,CALI,"1,5"\r\n', PARSER
    )
    assert [(each.declaration_id, each.empresa) for each in page.declarations] == [("1", "ABC, S.A.")]
    assert [(each.line, each.why.code, each.why.field) for each in page.rejected] == [
        (2, "missing_field", "puerto"),
        (3, "bad_format", None),
        (4, "bad_format", "subpartida"),
    ]
    assert page.rejected[2].content == '4,ABC,0101,CALI,"1,5"'
    assert len(page) == 4


def test_a_quote_that_nobody_closes_costs_its_own_row_and_no_other() -> None:
    text = f'{HEAD}1,ABC,110100,CARTAGENA,1\r\n2,"ABC,110100,CARTAGENA,2\r\n3,ABC,110100,CARTAGENA,3\r\n'
    page = read(text, PARSER, promised=3)
    assert [each.declaration_id for each in page.declarations] == ["1", "3"]
    assert [(each.line, each.why.code) for each in page.rejected] == [(2, "bad_format")]
    long = f'{HEAD}1,"{"ABC" * 100_000}\r\n2,ABC,110100,CARTAGENA,2\r\n'
    assert [each.declaration_id for each in read(long, PARSER, promised=2).declarations] == ["2"]


def test_a_cell_may_hold_a_line_break() -> None:
    (found,) = read(f'{HEAD}1,ABC,110100,"CARTA\nGENA",1\r\n', PARSER, promised=1).rejected
    assert (found.why.code, found.why.field) == ("bad_character", "puerto")


def test_a_page_without_rows_is_an_empty_page() -> None:
    assert len(read(HEAD, PARSER)) == 0


@pytest.mark.parametrize("text", ["", "<html>", "a,b,c\n1,2,3\n"])
def test_what_names_no_required_fields_is_no_page(text: str) -> None:
    with pytest.raises(ConfigurationError, match="has no column declaration_id, empresa, subpartida, puerto"):
        read(text, PARSER)
