"""What the API answers, as its OpenAPI tells it. Times are UTC; money is in US dollars, weights in kilograms."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from schemas.checks import Code
from schemas.events import Judgement, Severity

Status = Literal["open", "confirmed", "dismissed"]


class Answer(BaseModel):
    """What all answers have in common: they are made by us, and hold nothing else."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelRef(Answer):
    """A version of a model in the registry."""

    name: str
    version: str


class Prediction(Answer):
    """The verdict on one declaration. `score` is -log10 of how rare it is: 2 is one in a hundred, 3 one in a thousand."""

    event_id: UUID | None = Field(description="the id that the stream's verdict has; null for a declaration without an id")
    declaration_id: str | None
    dataset: str
    error: float = Field(description="the reconstruction error")
    score: float
    threshold: float
    anomaly: bool
    severity: Severity | None
    model: ModelRef


class Contribution(Answer):
    """A field's Shapley value of the error, and what would have been normal in it: `{"values": [{"value", "probability"}]}` for
    codes and names, `{"value", "low", "high"}` for amounts."""

    field: str
    value: str | float | None
    contribution: float
    expected: dict[str, Any]


class Change(Answer):
    """One field and what would be put into it."""

    field: str
    was: str | float | None = Field(alias="from")
    to: str | float | None


class NormalWith(Answer):
    """The fewest changes that would make the declaration normal; where nothing does, the best that was found."""

    changes: list[Change]
    score: float
    normal: bool


class Explanation(Prediction):
    """A verdict with its reasons: the contributions, by falling size, sum to `error - base_value`."""

    base_value: float
    contributions: list[Contribution]
    normal_with: NormalWith | None


class Rejection(Answer):
    """Why a row is no declaration."""

    code: Code
    field: str | None
    message: str


class BatchLine(Answer):
    """One line of a batch's answer: a prediction, or why there is none."""

    row: int = Field(ge=1)
    rejected: Rejection | None = None
    event_id: UUID | None = None
    declaration_id: str | None = None
    dataset: str | None = None
    error: float | None = None
    score: float | None = None
    threshold: float | None = None
    anomaly: bool | None = None
    severity: Severity | None = None
    model: ModelRef | None = None


class Alert(Answer):
    """An anomaly as the archive has it, and what analysts last said of it."""

    event_id: UUID
    declaration_id: str
    dataset: str
    scored_at: datetime
    empresa: str
    subpartida: str
    puerto: str
    fecha: date | None
    error: float
    score: float
    threshold: float
    severity: Severity
    model: ModelRef
    status: Status
    valor_fob_usd: float | None
    peso_neto_kg: float | None


class Alerts(Answer):
    """A page of alerts; `next` is the cursor of the following one."""

    alerts: list[Alert]
    next: str | None


class Feedback(Answer):
    """What an analyst said of an alert."""

    feedback_id: UUID
    event_id: UUID
    declaration_id: str
    dataset: str
    verdict: Judgement
    note: str
    who: str
    given_at: datetime


class Place(Answer):
    """Where a declaration was read."""

    topic: str
    partition: int
    offset: int


class AlertInFull(Alert):
    """An alert with its declaration as it was received."""

    declaration: dict[str, Any]
    description: str | None = Field(description="what the tariff says of the subpartida")
    source: Place
    feedback: list[Feedback]


class Month(Answer):
    """A company's declarations of one month."""

    month: str = Field(pattern=r"^\d{4}-\d{2}$")
    declarations: int
    alerts: int
    valor_fob_usd: float | None


class Recent(Answer):
    """One of a company's latest declarations."""

    event_id: UUID
    declaration_id: str
    dataset: str
    scored_at: datetime
    fecha: date | None
    subpartida: str
    puerto: str
    score: float
    anomaly: bool
    valor_fob_usd: float | None
    peso_neto_kg: float | None


class History(Answer):
    """What a company declared, as the stream judged it."""

    empresa: str
    dataset: str | None
    declarations: int
    alerts: int
    first: datetime | None
    last: datetime | None
    months: list[Month]
    recent: list[Recent]


class Traffic(Answer):
    """Declarations and alerts from a moment on, for `bucket_seconds`."""

    at: datetime
    declarations: int
    alerts: int


class Top(Answer):
    """One of those with the most alerts."""

    name: str
    title: str | None
    declarations: int
    alerts: int


class Summary(Answer):
    """What happened lately."""

    dataset: str | None
    since: datetime
    until: datetime
    declarations: int
    alerts: int
    alert_rate: float
    confirmed: int
    dismissed: int
    bucket_seconds: int
    traffic: list[Traffic]
    puertos: list[Top]
    capitulos: list[Top]
    empresas: list[Top]


class DatasetField(Answer):
    """A field of a dataset's declarations."""

    name: str
    title: str
    kind: str
    unit: str | None
    required: bool
    modelled: bool


class Dataset(Answer):
    """A dataset and its fields."""

    name: str
    title: str
    topic: str
    model: str
    fields: list[DatasetField]


class Datasets(Answer):
    """Every dataset that is served."""

    datasets: list[Dataset]


class Me(Answer):
    """Who the caller is."""

    name: str | None
    role: Literal["read", "analyst", "admin"]
    keys_required: bool


class Part(Answer):
    """A server or a worker, and what is wrong with it."""

    name: str
    title: str
    up: bool
    detail: str | None


class Parts(Answer):
    """Everything that the API knows of."""

    parts: list[Part]


class Model(Answer):
    """The model that a dataset is scored with."""

    dataset: str
    title: str
    name: str
    version: str | None
    since: datetime | None = Field(description="when this version went into production")
    threshold: float | None
    problem: str | None


class Models(Answer):
    """Every dataset's."""

    models: list[Model]


class ModelCard(Model):
    """A model with what is known of its making."""

    card: str | None = Field(description="Markdown")
    metrics: dict[str, float]
    registered_at: datetime | None
    feature_version: int | None
    trained_rows: int | None


class GateReport(Answer):
    """What the gate said of a version."""

    promote: bool
    champion: str | None
    reasons: list[str]
    measures: dict[str, Any]
    judged_at: datetime


class Reviewed(Answer):
    """What analysts said of a version's alerts."""

    confirmed: int
    dismissed: int


class Version(Answer):
    """One version of a model."""

    version: str
    created_at: datetime
    in_production: bool
    metrics: dict[str, float]
    gate: GateReport | None
    feedback: Reviewed


class Versions(Answer):
    """The latest versions, the newest first."""

    versions: list[Version]


class DriftReport(Answer):
    """What a run of watching found."""

    id: UUID
    created_at: datetime
    version: str
    verdicts: int
    drifted: bool
    triggered: bool
    signals: list[dict[str, Any]]


class DriftReports(Answer):
    """The latest reports, the newest first."""

    reports: list[DriftReport]


class Importance(Answer):
    """How much a field moves errors on average: the mean of its absolute Shapley values."""

    field: str
    mean_absolute: float


class Influence(Answer):
    """A field's part in one error."""

    field: str
    value: str | float | None
    contribution: float


class Influenced(Answer):
    """One explained declaration."""

    event_id: UUID
    declaration_id: str
    score: float
    error: float
    base_value: float
    contributions: list[Influence]


class Influences(Answer):
    """What moves a model's errors, over many declarations."""

    dataset: str
    model: ModelRef
    importance: list[Importance]
    rows: list[Influenced]


class Retraining(Answer):
    """A retraining that was asked for."""

    run_id: UUID
    name: str


class Step(Answer):
    """A task of a run."""

    name: str
    state: str


class Run(Answer):
    """How far a flow's run is."""

    run_id: UUID
    name: str
    flow: str
    state: str
    state_name: str
    message: str | None
    started_at: datetime | None
    ended_at: datetime | None
    steps: list[Step]


class Node(Answer):
    """Something in the graph; `id` is its kind and its name."""

    id: str
    kind: str
    name: str
    anomalies: int
    score_max: float | None
    properties: dict[str, Any]


class Edge(Answer):
    """A relation."""

    id: str
    source: str
    target: str
    kind: str
    anomalies: int
    properties: dict[str, Any]


class Neighbourhood(Answer):
    """What is around something in the graph; `truncated` when there is more."""

    center: str
    truncated: bool
    nodes: list[Node]
    edges: list[Edge]


class Health(Answer):
    """Whether the process lives, or can do its work."""

    status: Literal["alive", "ready", "waiting"]
    waiting_for: list[str] = []
