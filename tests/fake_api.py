"""An API that answers by the contract, from a small made-up world: its answers are checked against the models of the real one.

`python -m tests.fake_api 8000` serves it, to look at the screen without a stack.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import uvicorn
from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from api import answers
from schemas.datasets import DatasetSpec
from tests.fake_world import COMPANIES, NAMESPACE, PORTS, SPECS, World, declared, neighbourhood, version


def app(world: World) -> FastAPI:
    """The API of a world."""
    api = FastAPI()

    @api.middleware("http")
    async def break_or_answer(request: Request, call_next: Any) -> Response:
        path = request.url.path
        world.asked.append((request.method, path, dict(request.query_params)))
        world.keys.add(request.headers.get("x-api-key"))
        for beginning, (status, code, title, detail) in world.broken.items():
            if path.startswith(beginning):
                return problem(path, status, code, title, detail)
        answer: Response = await call_next(request)
        return answer

    def problem(path: str, status: int, code: str, title: str, detail: str) -> Response:
        body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "instance": path, "code": code}
        return JSONResponse(body, status, media_type="application/problem+json")

    def allowed(path: str, *roles: str) -> Response | None:
        if world.role in roles:
            return None
        return problem(path, 403, "role_needed", "No permitido", f"su clave es para {world.role} y esto necesita {roles[0]}")

    @api.get("/me", response_model=answers.Me)
    def me() -> Any:
        return {"name": world.name, "role": world.role, "keys_required": world.name is not None}

    @api.get("/datasets", response_model=answers.Datasets)
    def all_datasets() -> Any:
        return {"datasets": [_described(spec) for spec in SPECS.values()]}

    @api.get("/alerts", response_model=answers.Alerts)
    def alerts(request: Request, severity: list[str] = Query([]), limit: int = 50, cursor: int = 0) -> Any:  # noqa: B008
        asked = request.query_params
        found = world.listed()
        for name in ("dataset", "empresa", "puerto", "status"):
            if name in asked:
                found = [each for each in found if each[name] == asked[name]]
        found = [each for each in found if not severity or each["severity"] in severity]
        found = [each for each in found if each["subpartida"].startswith(asked.get("subpartida", ""))]
        found = [each for each in found if each["score"] >= float(asked.get("min_score", 0))]
        if asked.get("sort") == "score":
            found.sort(key=lambda each: -each["score"])
        end = cursor + limit
        return {"alerts": found[cursor:end], "next": str(end) if end < len(found) else None}

    @api.get("/alerts/{event_id}", response_model=answers.AlertInFull)
    def alert(event_id: str) -> Any:
        found = world.found(event_id)
        if found is None:
            return problem(f"/alerts/{event_id}", 404, "not_found", "No encontrado", f"no hay una alerta {event_id}")
        said = [each for each in reversed(world.feedback) if each["event_id"] == event_id]
        where = {"topic": "declarations.exportaciones", "partition": 3, "offset": 9749}
        return {**found, "declaration": declared(found), "description": "Roses, fresh", "source": where, "feedback": said}

    @api.get("/alerts/{event_id}/explanation", response_model=answers.Explanation)
    def alert_explanation(event_id: str) -> Any:
        found = world.found(event_id) or {}
        same = {name: found[name] for name in ("event_id", "score", "severity")}
        return {**world.explanation(found["dataset"], declared(found)), **same}

    @api.post("/alerts/{event_id}/feedback", status_code=201, response_model=answers.Feedback)
    async def judge(request: Request, event_id: str) -> Any:
        if refused := allowed(request.url.path, "analyst", "admin"):
            return refused
        body, found = await request.json(), world.found(event_id) or {}
        said = {name: found[name] for name in ("event_id", "declaration_id", "dataset")}
        said |= {"verdict": body["verdict"], "note": body["note"], "who": world.name or body["who"], "given_at": datetime.now(UTC)}
        world.feedback.append({**said, "feedback_id": str(uuid5(NAMESPACE, f"feedback {len(world.feedback)}"))})
        return world.feedback[-1]

    @api.get("/empresas/{empresa:path}/history", response_model=answers.History)
    def history(empresa: str, dataset: str | None = None) -> Any:
        recent = world.recent(empresa)
        months = [
            {"month": f"2026-{month:02}", "declarations": 40 + 9 * month, "alerts": month % 3, "valor_fob_usd": 1e6}
            for month in range(1, 9)
        ]
        ends = {"first": world.now - timedelta(days=240), "last": world.now}
        return {"empresa": empresa, "dataset": dataset, "declarations": 644, "alerts": 8, "months": months, "recent": recent, **ends}

    _scoring(api, world, problem)
    _models(api, world, allowed)
    _overview(api, world, problem)
    return api


def _scoring(api: FastAPI, world: World, problem: Any) -> None:
    @api.post("/explain", response_model=answers.Explanation)
    async def explain(request: Request) -> Any:
        body = await request.json()
        if not str(body.get("subpartida", "")).isdecimal():
            return problem("/explain", 422, "wrong_type", "No aceptable así", "subpartida: debe tener de 6 a 10 dígitos")
        return world.explanation(body["dataset"], body, strange=body["empresa"] != "ABC")

    @api.post("/predict/batch")
    async def batch(request: Request, dataset: str) -> Any:
        upload: Any = (await request.form())["file"]
        lines = []
        for row, line in enumerate((await upload.read()).decode().splitlines()[1:], 1):
            good = world.prediction(dataset, {"declaration_id": f"fila\u2028{row}"}, strange=row % 2 == 0)
            bad = {
                "declaration_id": None,
                "rejected": {"code": "wrong_type", "field": "subpartida", "message": "subpartida: faltan dígitos"},
            }
            lines.append(answers.BatchLine(row=row, **(bad if "malo" in line else good)).model_dump_json(exclude_unset=True) + "\n")
        return PlainTextResponse("".join(lines), media_type="application/x-ndjson")


def _models(api: FastAPI, world: World, allowed: Any) -> None:
    def summary_of(spec: DatasetSpec) -> dict[str, Any]:
        there = world.versions > 0
        held = {"version": world.model(spec.name)["version"], "since": world.now - timedelta(hours=5), "threshold": 2.0, "problem": None}
        none = {"version": None, "since": None, "threshold": None, "problem": f"no version of {spec.model} has the alias production"}
        return {"dataset": spec.name, "title": spec.title, "name": spec.model, **(held if there else none)}

    @api.get("/models", response_model=answers.Models)
    def models() -> Any:
        return {"models": [summary_of(spec) for spec in SPECS.values()]}

    @api.get("/models/{dataset}", response_model=answers.ModelCard)
    def model(dataset: str) -> Any:
        known = {"card": "## Ficha\n\nAprende de un año.", "registered_at": world.now, "feature_version": 3, "trained_rows": 31_675}
        return {**summary_of(SPECS[dataset]), "metrics": {}, **(known if world.versions else dict.fromkeys(known))}

    @api.get("/models/{dataset}/versions", response_model=answers.Versions)
    def versions(dataset: str) -> Any:
        return {"versions": [version(world, number) for number in range(world.versions, 0, -1)]}

    @api.get("/models/{dataset}/drift", response_model=answers.DriftReports)
    def drift(dataset: str) -> Any:
        signals = [
            ("score", "KS", 0.21 if world.drifted else 0.01, 0.11),
            ("alert rate", "ratio", 0.9, 3.92),
            *((f"unknown {each.name}", "share", 0.05, 0.11) for each in SPECS[dataset].fields if each.modelled),
            *((each.name, "PSI", 0.02, 0.25) for each in SPECS[dataset].fields if each.modelled),
        ]
        told = [
            {"name": name, "measure": measure, "value": value, "limit": limit, "drifted": value > limit, "sentence": f"{name}: as usual"}
            for name, measure, value, limit in signals
        ]
        report = {"version": "3", "verdicts": 5000, "drifted": world.drifted, "triggered": world.drifted, "signals": told}
        ages = range(3 if world.versions else 0)
        return {
            "reports": [
                {**report, "id": uuid5(NAMESPACE, f"report {age}"), "created_at": world.now - timedelta(minutes=10 * age)} for age in ages
            ]
        }

    @api.get("/models/{dataset}/influence", response_model=answers.Influences)
    def influence(dataset: str, of: str = "recent", sample: int = 200) -> Any:
        rows = world.influences(dataset)
        fields = [each["field"] for each in rows[0]["contributions"]] if rows else []
        importance = [{"field": name, "mean_absolute": 2.0 / (at + 1)} for at, name in enumerate(fields)]
        return {"dataset": dataset, "model": world.model(dataset), "importance": importance, "rows": rows[:sample]}

    @api.post("/models/{dataset}/retrain", status_code=202, response_model=answers.Retraining)
    def retrain(request: Request, dataset: str) -> Any:
        if refused := allowed(request.url.path, "admin"):
            return refused
        world.retrained += 1
        return {"run_id": uuid5(NAMESPACE, "run"), "name": "violet-heron"}

    @api.get("/runs/{run_id}", response_model=answers.Run)
    def run(run_id: UUID) -> Any:
        # It goes on whenever somebody looks.
        seen = sum(path.startswith("/runs/") for _, path, _ in world.asked)
        names = ("snapshot", "train", "gate", "promote")
        steps = [{"name": name, "state": "Completed" if at + 1 < seen else "Running"} for at, name in enumerate(names[:seen])]
        ended = seen > len(names)
        state = {"state": "COMPLETED", "state_name": "Promoted"} if ended else {"state": "RUNNING", "state_name": "Running"}
        times = {
            "started_at": world.now,
            "ended_at": world.now if ended else None,
            "message": "average precision 0.891 -> 0.972" if ended else None,
        }
        return {"run_id": run_id, "name": "violet-heron", "flow": "retrain", **state, **times, "steps": steps}


def _overview(api: FastAPI, world: World, problem: Any) -> None:
    @api.get("/summary", response_model=answers.Summary)
    def summary(dataset: str | None = None, hours: int = 24) -> Any:
        size = timedelta(hours=hours) / 24
        many = 1200 if world.alerts else 0
        traffic = [
            {"at": world.now - size * (24 - at), "declarations": (many + 400 * (at % 5)) * bool(many), "alerts": at % 7 if many else 0}
            for at in range(24)
        ]
        total, alerts = (sum(each[name] for each in traffic) for name in ("declarations", "alerts"))
        judged = {name: sum(each["verdict"] == name for each in world.feedback) for name in ("confirmed", "dismissed")}
        return {
            "dataset": dataset,
            "since": world.now - timedelta(hours=hours),
            "until": world.now,
            "declarations": total,
            "alerts": alerts,
            "alert_rate": alerts / total if total else 0.0,
            **judged,
            "bucket_seconds": size.total_seconds(),
            "traffic": traffic,
            "puertos": _tops(PORTS, many),
            "capitulos": _tops(("06", "09", "29"), many, "Trees and other plants, live; bulbs, roots and the like; cut flowers"),
            "empresas": _tops(COMPANIES, many),
        }

    @api.get("/parts", response_model=answers.Parts)
    def parts() -> Any:
        names = {"raw_database": "PostgreSQL raw", "neo4j": "Neo4j", "kafka": "Kafka", "registry": "MLflow", "score": "Scoring worker"}
        down = world.parts_down
        return {
            "parts": [
                {"name": name, "title": title, "up": name not in down, "detail": "no responde en 127.0.0.1" if name in down else None}
                for name, title in names.items()
            ]
        }

    @api.get("/graph/{kind}/{name:path}", response_model=answers.Neighbourhood)
    def graph(kind: str, name: str, depth: int = 1, limit: int = 150) -> Any:
        if name == "NADIE":
            return problem(f"/graph/{kind}/{name}", 404, "not_in_graph", "No encontrado", f"el grafo no conoce {kind} {name}")
        return neighbourhood(kind, name)


def _tops(names: tuple[str, ...], many: int, title: str | None = None) -> list[dict[str, Any]]:
    return (
        [{"name": name, "title": title, "declarations": many // (at + 1), "alerts": 9 - at} for at, name in enumerate(names)]
        if many
        else []
    )


def _described(spec: DatasetSpec) -> dict[str, Any]:
    fields = [{name: getattr(each, name) for name in ("name", "title", "kind", "unit", "required", "modelled")} for each in spec.fields]
    return {"name": spec.name, "title": spec.title, "topic": spec.topic, "model": spec.model, "fields": fields}


if __name__ == "__main__":
    uvicorn.run(app(World()), port=int(sys.argv[1]), log_level="warning")
