"""The one encoder: declarations in, the network's inputs out. Training, stream, API and offline scoring all call it.

Each number depends on a few fields and is left out by the network when one of them is masked (`Encoder.needs`), so a
declaration is encoded once, whatever fields are masked afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.columns import FIRST, MISSING, UNKNOWN, Columns, Layout, Vocabulary
from core.counting import count
from core.statistics import Plan, Statistics
from schemas.datasets import DatasetSpec
from schemas.declaration import Declaration

FEATURE_VERSION = 4
"""Raised whenever the same declarations and state would give other inputs."""

Singles = NDArray[np.float32]

_ALWAYS_NEW = "entity"
"""Companies come and go, and being new is not being odd: the field of one without a past is masked, and only that it is
new is told, since much goes with that. A port or a country that was never seen is another matter."""
_OWN_TOKEN = {"entity": 0, "tariff": 96, "place": 96, "country": 96, "category": 64}
"""How many values of a column get an embedding of their own. Companies get none: what is known of them is their habits."""
_OWN_TOKEN_ROWS = 20
TOKEN_MISSING, TOKEN_UNKNOWN, TOKEN_RARE = 0, 1, 2


class Inputs(NamedTuple):
    """What the network reads: `numbers` (n, D), `tokens` (n, C) and `mask` (n, F), 1 where a field is visible."""

    numbers: Singles
    tokens: NDArray[np.int64]
    mask: Singles

    def take(self, rows: NDArray[Any]) -> Inputs:
        """Some of the rows, in that order."""
        return Inputs(self.numbers[rows], self.tokens[rows], self.mask[rows])


@dataclass(frozen=True)
class Number:
    """One number of the network's input: what it says, and the fields without which it says nothing."""

    name: str
    fields: frozenset[int]
    level: bool = False
    """Whether it says how large an amount is among all declarations, whoever declares whatever."""


class Encoder:
    """Fitted once on a training table; its whole state is `state()`: plain data and arrays."""

    def __init__(self, spec: DatasetSpec, values: dict[int, tuple[str, ...]], arrays: dict[str, NDArray[Any]]) -> None:
        self.spec, self.layout = spec, Layout(spec)
        self.vocabulary = Vocabulary(self.layout, values)
        self.plan = Plan.of(self.layout, self.vocabulary)
        self.fields = tuple(field.name for field in self.layout.fields)
        self._arrays = arrays
        self._epsilon = arrays["epsilon"]
        self._seen = arrays["seen"].astype(np.bool_)
        """Fields that training saw: one it never saw is not read, since nothing is known about it."""
        self._entities = np.array([field.kind == _ALWAYS_NEW for field in self.layout.fields])
        self._tokens = [k for k in range(len(self.layout.columns)) if _OWN_TOKEN[self.layout.kind(k)]]
        self.numbers = _numbers(self.layout, self.plan)
        self.needs = np.array([[i in number.fields for i in range(len(self.fields))] for number in self.numbers])
        self.token_fields = tuple(self.layout.columns[k].field for k in self._tokens)
        self.token_sizes = tuple(int(arrays[f"token_{k}"].max()) + 1 for k in self._tokens)
        self.statistics = Statistics(self.vocabulary.sizes, self.plan, arrays)

    @classmethod
    def fit(cls, spec: DatasetSpec, vocabulary: Vocabulary, columns: Columns) -> Encoder:
        """Fits everything but the scale to one table; `with_arrays` and `with_scale` replace parts later."""
        layout, plan = vocabulary.layout, Plan.of(vocabulary.layout, vocabulary)
        # Zero amounts must stay finite as logarithms, well below every usual amount.
        positive = [each[each > 0] for each in columns.amounts.T]
        epsilon = np.array([np.quantile(each, 0.01) / 10 if each.size else 1.0 for each in positive])
        arrays: dict[str, NDArray[Any]] = {"seen": np.asarray(columns.present.any(axis=0)), "epsilon": epsilon}
        for k in range(len(layout.columns)):
            if limit := _OWN_TOKEN[layout.kind(k)]:
                arrays[f"token_{k}"] = _own_tokens(columns.codes[:, k], int(vocabulary.sizes[k]), limit)
        statistics = count(vocabulary, plan, columns, _logs(layout, epsilon, columns.amounts))
        return cls(spec, vocabulary.values, {**arrays, **statistics.arrays})

    def with_arrays(self, arrays: dict[str, NDArray[Any]]) -> Encoder:
        """The same encoder with further or newer fitted arrays."""
        return Encoder(self.spec, self.vocabulary.values, {**self._arrays, **arrays})

    def with_scale(self, numbers: Singles, mask: Singles) -> Encoder:
        """Standardises each number by how it lies where its fields are there: what is absent then equals the mean."""
        available = self.available(mask)
        n = np.maximum(available.sum(axis=0), 1)
        mean = np.where(available, numbers, 0).sum(axis=0, dtype=np.float64) / n
        spread = np.sqrt((np.where(available, numbers - mean, 0.0) ** 2).sum(axis=0) / n)
        scale = np.where(spread > 1e-3, 1.0 / np.maximum(spread, 1e-3), 1.0)
        flags = slice(len(self.layout.coded))  # 0 or 1 as they are; one that was never raised is not read
        mean[flags], scale[flags] = 0.0, spread[flags] > 0
        return self.with_arrays({"mean": mean.astype(np.float32), "scale": scale.astype(np.float32)})

    def count(self, columns: Columns) -> Statistics:
        """Statistics of a table under this encoder's vocabulary, as out-of-fold features need them."""
        return count(self.vocabulary, self.plan, columns, _logs(self.layout, self._epsilon, columns.amounts))

    def columns(self, declarations: Sequence[Declaration]) -> Columns:
        """Declarations as arrays; a field that training never saw is masked."""
        columns = self.vocabulary.columns(declarations)
        columns.present[:] &= self._seen
        return columns

    def encode(self, declarations: Sequence[Declaration]) -> Inputs:
        """The network's inputs for declarations."""
        return self.inputs(self.columns(declarations))

    def inputs(self, columns: Columns, statistics: Statistics | None = None) -> Inputs:
        """The network's inputs, by this encoder's statistics or by others (out of fold)."""
        statistics = statistics or self.statistics
        new = self._new(columns, statistics)
        numbers = self._raw(columns, statistics, new)
        if "mean" in self._arrays:
            numbers -= self._arrays["mean"]
            numbers *= self._arrays["scale"]
        tokens = np.empty((len(columns), len(self._tokens)), dtype=np.int64)
        for c, k in enumerate(self._tokens):
            codes = columns.codes[:, k]
            counted = statistics.known(k, columns.codes) | (codes == MISSING)
            tokens[:, c] = np.where(counted, self._arrays[f"token_{k}"][codes], TOKEN_UNKNOWN)
        return Inputs(numbers, tokens, (columns.present & ~(new & self._entities)).astype(np.float32))

    def available(self, mask: Singles) -> NDArray[np.bool_]:
        """Which numbers have all of their fields under these masks, (n, D)."""
        return np.asarray((mask @ self.needs.T.astype(np.float32)) >= self.needs.sum(axis=1))

    def _new(self, columns: Columns, statistics: Statistics) -> NDArray[np.bool_]:
        """The fields whose value has no past, (n, F): of a tariff field, the chapter."""
        new = np.zeros_like(columns.present)
        for i, k in self.layout.coarsest.items():
            new[:, i] = columns.present[:, i] & ~statistics.known(k, columns.codes)
        return new

    def unused(self, columns: Columns, statistics: Statistics) -> NDArray[np.bool_]:
        """The codes, of a tariff field the chapter, that the company of a declaration was never counted with, (n, F)."""
        unused = np.zeros_like(columns.present)
        company = next((k for i, k in self.layout.coarsest.items() if self._entities[i]), None)
        for i, k in self.layout.coarsest.items():
            if company is not None and not self._entities[i]:
                unused[:, i] = columns.present[:, i] & ~statistics.together(company, k, columns.codes)
        return unused

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Plain data (JSON) and arrays (npz) from which `from_state` makes the same encoder."""
        values = {self.fields[i]: list(known) for i, known in self.vocabulary.values.items()}
        return {"feature_version": FEATURE_VERSION, "values": values}, dict(self._arrays)

    @classmethod
    def from_state(cls, spec: DatasetSpec, document: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Encoder:
        """The inverse of `state`."""
        layout = Layout(spec)
        return cls(spec, {i: tuple(document["values"][layout.fields[i].name]) for i in layout.coded}, arrays)

    def amounts(self, logs: NDArray[np.float64], numeric: int) -> NDArray[np.float64]:
        """Amounts from their logarithms: the inverse of what the features are made of."""
        if self.layout.fields[self.layout.numeric[numeric]].kind == "percent":
            return np.clip(logs, 0.0, 100.0)
        return np.asarray(np.maximum(np.exp(logs) - self._epsilon[numeric], 0.0))

    def _raw(self, columns: Columns, statistics: Statistics, new: NDArray[np.bool_]) -> Singles:
        """The numbers in the order of `_numbers`, before standardising; 0 where they say nothing."""
        codes, plan = columns.codes, self.plan
        useful = np.unique(plan.pairs)
        rarity, counts = statistics.rarity(codes)
        forward, backward, position = statistics.lifts(codes)
        # A missing amount is no number: as one it would take the measures of the others with it.
        logs = np.nan_to_num(_logs(self.layout, self._epsilon, columns.amounts), nan=0.0)
        measures = (logs @ plan.measures).astype(np.float32)
        half = measures.shape[1]
        root = statistics.arrays["tree"][0]
        level = (measures - root[:half]) / root[half:]
        usual, spread = statistics.tree(codes)
        inside = (measures - usual) / spread
        parts: list[NDArray[Any]] = [new[:, self.layout.coded], rarity[:, useful], counts[:, useful], forward, backward, _squash(level)]
        if plan.tree:
            parts += [_squash(inside), _squash((usual - root[:half]) / root[half:]), np.log(spread / root[half:])]
        for k in plan.habits:
            own = statistics.habit(k, codes)
            parts += [_squash((level - own[:, 2 * half : 3 * half]) / own[:, 3 * half :])]
            if plan.tree:
                parts += [_squash((inside - own[:, :half]) / own[:, half : 2 * half])]
        for p, k in plan.pair_habits:
            pair, known = statistics.pair_habit(p, position)
            own = np.where(known[:, None], pair, statistics.habit(k, codes)[:, : 2 * half])
            parts += [_squash((inside - own[:, :half]) / own[:, half:])]
        numbers = np.concatenate(parts, axis=1, dtype=np.float32)
        return np.nan_to_num(numbers, copy=False, nan=0.0, posinf=0.0, neginf=0.0)


def _logs(layout: Layout, epsilon: NDArray[np.float64], amounts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithms of amounts; percentages as they are."""
    logs = np.log(amounts + epsilon)
    for j, i in enumerate(layout.numeric):
        if layout.fields[i].kind == "percent":
            logs[:, j] = amounts[:, j]
    return logs


def _numbers(layout: Layout, plan: Plan) -> tuple[Number, ...]:
    """Names and fields of the numbers, in the order in which `Encoder._raw` makes them."""
    field = [column.field for column in layout.columns]
    name = [column.name for column in layout.columns]
    useful = np.unique(plan.pairs).tolist()
    found = [
        Number(f"{layout.fields[i].name} is new", frozenset([i] if layout.fields[i].kind != _ALWAYS_NEW else [])) for i in layout.coded
    ]
    found += [Number(f"rarity {name[k]}", frozenset([field[k]])) for k in useful]
    found += [Number(f"count {name[k]}", frozenset([field[k]])) for k in useful]
    pairs = [(int(a), int(b)) for a, b in plan.pairs]
    found += [Number(f"{name[b]} given {name[a]}", frozenset([field[a], field[b]])) for a, b in pairs]
    found += [Number(f"{name[a]} given {name[b]}", frozenset([field[a], field[b]])) for a, b in pairs]
    measures = []
    for weights in plan.measures.T:
        used = [layout.numeric[j] for j in np.flatnonzero(weights)]
        measures.append(("/".join(layout.fields[i].name for i in used), frozenset(used)))
    tariff = frozenset(field[k] for k in plan.tree)

    def each(text: str, *others: frozenset[int], own: bool = True) -> list[Number]:
        return [Number(text.format(x), (fields if own else frozenset()).union(*others)) for x, fields in measures]

    found += [Number(x, fields, level=True) for x, fields in measures]
    if plan.tree:
        found += each("{} in the tariff", tariff)
        found += each("usual {} in the tariff", tariff, own=False)
        found += each("spread of {} in the tariff", tariff, own=False)
    for k in plan.habits:
        owner = frozenset([field[k]])
        found += each(f"{{}} of {name[k]}", owner)
        if plan.tree:
            found += each(f"{{}} in the tariff of {name[k]}", owner, tariff)
    for _, k in plan.pair_habits:
        found += each(f"{{}} in the subpartida of {name[k]}", frozenset([field[k]]), tariff)
    return tuple(found)


def _squash(deviations: NDArray[Any]) -> NDArray[Any]:
    """Keeps the order and tames the size: a deviation of a thousand counts as eight."""
    return np.asarray(np.arcsinh(deviations))


def _own_tokens(codes: NDArray[Any], size: int, limit: int) -> NDArray[np.int16]:
    """For each code its token: one of its own for the most frequent, "rare" for the others."""
    counts = np.bincount(codes, minlength=size)
    counts[:FIRST] = 0
    order = np.argsort(-counts, kind="stable")[:limit]
    order = order[counts[order] >= _OWN_TOKEN_ROWS]
    tokens = np.full(size, TOKEN_RARE, dtype=np.int16)
    tokens[MISSING], tokens[UNKNOWN] = TOKEN_MISSING, TOKEN_UNKNOWN
    tokens[order] = TOKEN_RARE + 1 + np.arange(len(order))
    return tokens
