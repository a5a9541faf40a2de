"""What holds of simulated declarations, whatever the seed."""

import csv
import json
import math
import os
import subprocess
import sys
from collections import Counter
from datetime import date
from functools import cache
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np
import pytest

from schemas import datasets
from schemas.declaration import Parser, Rejected
from simulator import anomalies, identifiers, reference
from simulator.generate import Drift, Generator

DATASETS = ("exportaciones", "sustancias_controladas")
TODAY = date(2026, 3, 15)
N = 20_000
HARMONIZED_SYSTEM = Path(__file__).parents[2] / "graph" / "data" / "hs2022.csv"


@cache
def streamed(dataset: str, share: float = 0.05) -> list[tuple[dict, str | None]]:
    return list(islice(Generator(dataset, 7).stream(TODAY, share), N))


@cache
def history(dataset: str) -> list[dict]:
    return list(Generator(dataset, 7).history(N, TODAY))


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_published_parser_takes_every_event_as_it_is(dataset):
    parser = Parser(datasets.load(dataset))
    for event, _ in streamed(dataset):
        parsed = parser.parse(msgspec.json.encode(event))
        assert not isinstance(parsed, Rejected), (parsed, event)
        # Nothing needed to be normalised: what is simulated is what is scored.
        assert all(getattr(parsed, name) == value for name, value in event.items())


@pytest.mark.parametrize("dataset", DATASETS)
def test_history_rows_parse_and_run_through_the_year_before(dataset):
    parser, rows = Parser(datasets.load(dataset)), history(dataset)
    assert not [row for row in rows if isinstance(parser.from_row(row), Rejected)]
    dates = [row["fecha"] for row in rows if "fecha" in row]
    assert dates == sorted(dates)
    assert (dates[0], dates[-1]) == ("2025-03-15", "2026-03-14")


@pytest.mark.parametrize("dataset", DATASETS)
def test_amounts_are_rounded_to_hundredths_and_gross_is_not_below_net(dataset):
    for row in history(dataset):
        amounts = [row[name] for name in ("valor_fob_usd", "peso_neto_kg", "peso_bruto_kg", "cantidad") if name in row]
        assert all(math.isfinite(amount) and amount > 0 and round(amount, 2) == amount for amount in amounts)
        assert row.get("peso_bruto_kg", math.inf) >= row["peso_neto_kg"]


def test_the_same_seed_gives_the_same_events_in_every_process():
    code = (
        "import sys, json, hashlib\n"
        "from datetime import date\n"
        "from itertools import islice\n"
        "from simulator.generate import Generator\n"
        "digest = hashlib.sha256()\n"
        f"for dataset in {DATASETS!r}:\n"
        "    made = Generator(dataset, 3)\n"
        "    events = [*islice(made.stream(date(2026, 1, 30), 0.1), 6000), *made.history(500, date(2026, 1, 1))]\n"
        "    digest.update(json.dumps(events).encode())\n"
        "print(digest.hexdigest())\n"
    )
    root = Path(__file__).parents[2]
    digests = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, cwd=root, check=True, capture_output=True
        ).stdout
        for seed in ("0", "1", "12345")
    }
    assert len(digests) == 1


def test_runs_that_differ_in_anything_share_no_id():
    made = Generator("exportaciones", 7)
    runs = [
        made.stream(TODAY, 0.01),
        made.stream(date(2026, 3, 16), 0.01),
        made.stream(TODAY, 0.02),
        made.stream(TODAY, 0.01, per_day=10),
        Generator("exportaciones", 8).stream(TODAY, 0.01),
        Generator("sustancias_controladas", 7).stream(TODAY, 0.01),
        Generator("exportaciones", 7, drift=[Drift(TODAY, "3808929900", 3)]).stream(TODAY, 0.01),
        ((row, None) for row in made.history(5000, TODAY)),
        ((row, None) for row in made.history(5001, TODAY)),
    ]
    ids = [event["declaration_id"] for run in runs for event, _ in islice(run, 5000)]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_share_of_anomalies_is_the_one_asked_for_and_every_kind_occurs(dataset):
    kinds = Counter(kind for _, kind in streamed(dataset))
    odd = N - kinds.pop(None)
    assert abs(odd - 0.05 * N) < 4 * math.sqrt(0.05 * 0.95 * N)
    assert set(kinds) == set(anomalies.kinds(dataset))
    assert min(kinds.values()) > odd / len(kinds) / 6, kinds
    assert not [kind for _, kind in islice(Generator(dataset, 7).stream(TODAY, 0.0), 5000) if kind]
    assert all(kind for _, kind in islice(Generator(dataset, 7).stream(TODAY, 1.0), 5000))


@pytest.mark.parametrize("dataset", DATASETS)
def test_no_event_tells_that_it_is_odd(dataset):
    fields = {field.name for field in datasets.load(dataset).fields}
    for event, kind in streamed(dataset):
        assert event.keys() <= fields
        assert kind is None or kind not in json.dumps(event)


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize(("field", "kind"), [("puerto", "strange_port"), ("pais", "strange_country"), ("subpartida", "foreign_chapter")])
def test_what_is_called_strange_is_new_to_the_company(dataset, field, kind):
    length = 2 if field == "subpartida" else None
    seen = {(row["empresa"], row[field][:length]) for row in history(dataset)}
    odd = [event for event, label in streamed(dataset) if label == kind]
    assert odd
    assert not [event for event in odd if (event["empresa"], event[field][:length]) in seen]


def test_a_burst_stays_just_under_a_limit_and_repeats_the_company_and_the_day():
    bursts = [event for event, kind in streamed("exportaciones") if kind == "burst"]
    assert all(0.94 * anomalies.EXPORT_LIMIT_USD < event["valor_fob_usd"] <= anomalies.EXPORT_LIMIT_USD for event in bursts)
    groups = Counter((event["empresa"], event["subpartida"], event.get("fecha")) for event in bursts)
    assert groups.most_common(1)[0][1] >= anomalies.BURST - 1
    assert len(groups) < len(bursts) / 2


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize(("field", "part"), [("puerto", 0.25), ("pais", 0.6), ("subpartida", 0.33), ("contraparte", 0.5)])
def test_companies_have_habits(dataset, field, part):
    """Who knows the company knows much about the field: its entropy falls to less than that part."""
    pairs = [(row["empresa"], row[field]) for row in history(dataset) if field in row]
    marginal = _entropy(Counter(value for _, value in pairs))
    given_company = _entropy(Counter(pairs)) - _entropy(Counter(empresa for empresa, _ in pairs))
    assert given_company < part * marginal


def test_a_companys_price_strays_little_and_its_goods_price_more():
    rows = [row for row in history("exportaciones") if row["subpartida"] == "0603110000"]
    prices = {}
    for row in rows:
        prices.setdefault(row["empresa"], []).append(math.log(row["valor_fob_usd"] / row["peso_neto_kg"]))
    within = np.mean([np.std(values) for values in prices.values() if len(values) > 30])
    assert within < 0.13 < np.std([np.mean(values) for values in prices.values() if len(values) > 5])


@pytest.mark.parametrize("dataset", DATASETS)
def test_few_companies_declare_most_and_new_ones_appear(dataset):
    counts = Counter(row["empresa"] for row in history(dataset))
    busiest = sum(count for _, count in counts.most_common(len(counts) // 4))
    assert 0.6 < busiest / N < 0.95
    first_half = {row["empresa"] for row in history(dataset)[: N // 2]}
    late = {row["empresa"] for row in history(dataset)[N // 2 :]} - first_half
    assert len([empresa for empresa in late if empresa.startswith("9")]) >= 5


@pytest.mark.parametrize("dataset", DATASETS)
def test_optional_fields_are_missing_now_and_then_and_required_ones_never(dataset):
    for field in datasets.load(dataset).fields:
        missing = sum(field.name not in row for row in history(dataset)) / N
        assert missing == 0 if field.required else missing < 0.15
    assert 0 < sum("contraparte" not in row for row in history(dataset)) < 0.1 * N


def test_port_customs_office_and_transport_mode_belong_together():
    known = {(place.name, place.office, place.mode) for place in reference.places()}
    assert {
        (row["puerto"], row.get("aduana"), row.get("via")) for row in history("exportaciones") if {"aduana", "via"} <= row.keys()
    } <= known


def test_a_land_crossing_reaches_only_its_neighbours():
    for dataset in DATASETS:
        for row in history(dataset):
            assert row["pais"] in reference.reach().get(row["puerto"], {row["pais"]})


def test_drift_changes_the_price_from_its_day_on_and_nothing_before():
    since = date(2025, 9, 1)
    drifted = list(Generator("exportaciones", 7, drift=[Drift(since, "3808929900", 3.0)]).history(N, TODAY))
    ratio = {
        later: np.median([r["valor_fob_usd"] / r["peso_neto_kg"] for r in drifted if _concerns(r, later)])
        / np.median([r["valor_fob_usd"] / r["peso_neto_kg"] for r in history("exportaciones") if _concerns(r, later)])
        for later in (False, True)
    }
    assert ratio[False] == pytest.approx(1, rel=0.1)
    assert ratio[True] == pytest.approx(3, rel=0.1)


def _concerns(row, later):
    return row["subpartida"] == "3808929900" and "fecha" in row and (row["fecha"] >= "2025-09-01") == later


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_subpartida_lies_under_a_real_hs6_code(dataset):
    with HARMONIZED_SYSTEM.open(encoding="utf-8") as file:
        known = {cell for row in csv.reader(file) for cell in row if cell.isdecimal() and len(cell) == 6}
    codes = [product.subpartida for product in reference.goods(dataset)]
    assert all(len(code) == 10 and code[:6] in known for code in codes)
    assert len(set(codes)) == len(codes)


def test_the_tables_refer_to_what_there_is():
    places = {place.name for place in reference.places()}
    assert all(route.keys() <= places for route in reference.routes().values())
    assert reference.reach().keys() <= places
    for dataset in DATASETS:
        for product in reference.goods(dataset):
            assert {product.market, product.export_market} <= reference.markets().keys()
            assert product.route in reference.routes()
            assert len(reference.seasons()[product.season]) == 12


def test_nits_carry_dians_check_digit():
    assert identifiers.nit(899_999_068) == "899999068-1"  # Ecopetrol's, as printed on its invoices
    assert identifiers.nit(860_002_964) == "860002964-4"


def test_an_unknown_dataset_is_named():
    with pytest.raises(LookupError, match="importaciones"):
        Generator("importaciones", 7)


def _entropy(counts: Counter) -> float:
    shares = np.array(list(counts.values())) / counts.total()
    return float(-(shares * np.log2(shares)).sum())
