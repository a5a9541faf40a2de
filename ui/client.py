"""The API as the pages see it: one method a question, and one exception for whatever it does not answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx

from ui.settings import UiSettings

Answer = dict[str, Any]


class Trouble(Exception):
    """The API refused, failed or did not answer; `title` and `detail` are for people, in their language."""

    def __init__(self, code: str, title: str, detail: str, status: int = 0) -> None:
        super().__init__(detail)
        self.code, self.title, self.detail, self.status = code, title, detail, status


class Api:
    """A client for people who read one language. Every method raises Trouble."""

    def __init__(self, settings: UiSettings, language: str) -> None:
        headers = {"Accept-Language": language}
        if settings.api_key:
            headers["X-API-Key"] = settings.api_key.get_secret_value()
        self._client = httpx.Client(base_url=settings.api_url, headers=headers, timeout=settings.api_timeout_seconds)

    def me(self) -> Answer:
        """Who the screen is for the API, and what it may do."""
        return self._get("/me")

    def datasets(self) -> list[Answer]:
        """The datasets with their fields."""
        found: list[Answer] = self._get("/datasets")["datasets"]
        return found

    def summary(self, dataset: str | None, hours: int) -> Answer:
        """What happened lately."""
        return self._get("/summary", dataset=dataset, hours=hours)

    def parts(self) -> list[Answer]:
        """The servers and workers, and what is wrong with them."""
        found: list[Answer] = self._get("/parts")["parts"]
        return found

    def alerts(self, **filters: Any) -> Answer:
        """A page of alerts and the cursor of the next one."""
        return self._get("/alerts", **filters)

    def alert(self, event_id: str) -> Answer:
        """One alert in full."""
        return self._get(f"/alerts/{quote(event_id, safe='')}")

    def alert_explanation(self, event_id: str) -> Answer:
        """Why it is strange, by the version that raised it."""
        return self._get(f"/alerts/{quote(event_id, safe='')}/explanation")

    def judge(self, event_id: str, verdict: str, note: str, who: str) -> Answer:
        """Confirms or dismisses an alert."""
        return self._post(f"/alerts/{quote(event_id, safe='')}/feedback", {"verdict": verdict, "note": note, "who": who or None})

    def history(self, empresa: str, dataset: str | None) -> Answer:
        """What a company declared."""
        return self._get(f"/empresas/{quote(empresa, safe='')}/history", dataset=dataset)

    def explain(self, declaration: Mapping[str, Any]) -> Answer:
        """The verdict on a declaration, with its reasons."""
        return self._post("/explain", declaration)

    def batch(self, name: str, content: bytes, dataset: str) -> list[Answer]:
        """The verdicts on an uploaded table, in order."""
        answer = self._send("POST", "/predict/batch", params={"dataset": dataset}, files={"file": (name, content)})
        # Not splitlines(): a name may hold a sign that this takes for the end of a line.
        return [_read(line) for line in answer.text.split("\n") if line]

    def models(self) -> list[Answer]:
        """The model that each dataset is scored with."""
        found: list[Answer] = self._get("/models")["models"]
        return found

    def model(self, dataset: str) -> Answer:
        """One dataset's model, with its card."""
        return self._get(f"/models/{dataset}")

    def versions(self, dataset: str) -> list[Answer]:
        """Its versions, the newest first."""
        found: list[Answer] = self._get(f"/models/{dataset}/versions")["versions"]
        return found

    def drift(self, dataset: str) -> list[Answer]:
        """What the watch found, the newest first."""
        found: list[Answer] = self._get(f"/models/{dataset}/drift", limit=100)["reports"]
        return found

    def influence(self, dataset: str, of: str, sample: int) -> Answer:
        """What moves its errors."""
        return self._get(f"/models/{dataset}/influence", of=of, sample=sample)

    def retrain(self, dataset: str) -> Answer:
        """Starts a retraining."""
        return self._post(f"/models/{dataset}/retrain", None)

    def run(self, run_id: str) -> Answer:
        """How far a retraining is."""
        return self._get(f"/runs/{run_id}")

    def neighbourhood(self, kind: str, name: str, **wanted: Any) -> Answer:
        """What is around something in the graph."""
        return self._get(f"/graph/{kind}/{quote(name, safe='')}", **wanted)

    def _get(self, path: str, **params: Any) -> Answer:
        given = {name: value for name, value in params.items() if value not in (None, "", [])}
        return _read(self._send("GET", path, params=given).text)

    def _post(self, path: str, body: object) -> Answer:
        return _read(self._send("POST", path, json=body).text)

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            answer = self._client.request(method, path, **options)
        except httpx.TimeoutException as error:
            raise Trouble("api_slow", "", str(error)) from error
        except httpx.HTTPError as error:
            raise Trouble("api_down", "", str(error)) from error
        if answer.is_success:
            return answer
        told = _read(answer.text, answer.status_code)
        try:
            raise Trouble(told["code"], told["title"], told["detail"], answer.status_code)
        except KeyError:
            raise Trouble("api_odd", "", f"HTTP {answer.status_code}", answer.status_code) from None


def _read(text: str, status: int = 200) -> Answer:
    """An object in JSON; what is none did not come from the API."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Trouble("api_odd", "", f"HTTP {status}", status)
    return found
