"""Times the parser beside pydantic with the same rules: `python -m schemas.benchmark`."""

import json
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import msgspec
from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, create_model

from schemas import datasets
from schemas.datasets import DatasetSpec, FieldSpec
from schemas.declaration import Declaration, Parser, _Checked, _Dataset

REPEATS = 15
MESSAGES = 20_000

TYPICAL = {
    "empresa": "900123456-7",
    "subpartida": "0901119000",
    "puerto": "CARTAGENA",
    "fecha": "2025-09-30",
    "pais": "US",
    "pais_origen": "CO",
    "via": "MARITIMA",
    "aduana": "CARTAGENA",
    "agente": "800987654-3",
    "contraparte": "ACME COFFEE INC",
    "unidad": "KG",
    "valor_fob_usd": 148250.75,
    "peso_neto_kg": 17250,
    "peso_bruto_kg": 17900.5,
    "cantidad": 17250,
}


def messages(**more: object) -> list[bytes]:
    """Full declarations, each with an id of its own, by a thousand companies."""
    return [
        json.dumps({"declaration_id": f"EXP-2025-{n:07d}", **TYPICAL, "empresa": f"900{n % 1000:06d}-7", **more}).encode()
        for n in range(MESSAGES)
    ]


def with_pydantic(spec: DatasetSpec) -> TypeAdapter[Any]:
    """The parser's rules as a pydantic model: strict types, and the very same remembered checks of text."""
    fields: dict[str, Any] = {field.name: (_annotated(field), ... if field.required else None) for field in spec.fields}
    fields["dataset"] = (Annotated[str | None, AfterValidator(_Dataset(spec.name).__getitem__)], None)
    return TypeAdapter(create_model(spec.name, __config__=ConfigDict(frozen=True, strict=True, allow_inf_nan=False), **fields))


def _annotated(field: FieldSpec) -> Any:
    if field.numeric:
        return Annotated[float, Field(ge=0, le=100 if field.kind == "percent" else None)] | None
    return Annotated[str if field.required else str | None, AfterValidator(_Checked(field).__getitem__)]


def timed(task: Callable[[bytes], object], given: Sequence[bytes]) -> float:
    """Microseconds of processor time a message: what others do on the machine counts less than on a clock."""
    start = time.thread_time()
    for raw in given:
        task(raw)
    return (time.thread_time() - start) / len(given) * 1e6


def main() -> None:
    """Takes turns, so that a busy machine is busy for everyone, and prints a Markdown table."""
    spec = datasets.load("exportaciones")
    parser, model = Parser(spec), with_pydantic(spec)
    typical, unknown = messages(), messages(observaciones="sin novedad")
    for raw in typical[:100] + unknown[:100]:
        parsed, validated = parser.parse(raw), model.validate_json(raw)
        if not isinstance(parsed, Declaration) or msgspec.structs.asdict(parsed) != validated.model_dump():
            raise SystemExit(f"they disagree on {raw.decode()}")
    tasks: dict[str, tuple[Callable[[bytes], object], Sequence[bytes]]] = {
        "`Parser.parse` (msgspec)": (parser.parse, typical),
        "the same rules in pydantic, `validate_json`": (model.validate_json, typical),
        "`Parser.parse`, with an unknown field": (parser.parse, unknown),
        "pydantic, with an unknown field": (model.validate_json, unknown),
        "`json.loads`, no checks at all": (json.loads, typical),
    }
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(REPEATS):
        for name, (task, given) in tasks.items():
            times[name].append(timed(task, given))
    print(f"{len(typical[0])} bytes, {len(TYPICAL) + 1} fields; {REPEATS} turns of {MESSAGES:,} messages\n")
    print("| what | median, µs | lowest – highest |\n|---|---|---|")
    for name, found in times.items():
        print(f"| {name} | {statistics.median(found):.1f} | {min(found):.1f} – {max(found):.1f} |")


if __name__ == "__main__":
    main()
