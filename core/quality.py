"""Is a table of declarations fit to learn from? What is looked at before a model is trained, as values that say why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from schemas.datasets import DatasetSpec
from schemas.declaration import Declaration


@dataclass(frozen=True)
class Limits:
    """What a table must have, at least or at most."""

    rows: int = 1_000
    companies: int = 20
    codes: int = 10
    company_share: float = 0.5
    """The share of one company above which its habits would pass for everyone's."""
    undated_share: float = 0.5
    """Without dates nothing can be learned on what came before and judged on what came after."""
    new_missing: float = 0.5
    """How much more of a field may be missing among the latest rows than among those before."""


@dataclass(frozen=True)
class Check:
    """One look at a table: what was found, against which limit, in words."""

    name: str
    value: float
    limit: float
    passed: bool
    sentence: str


@dataclass
class Profile:
    """What is counted while a table goes by, row after row, in one pass."""

    spec: DatasetSpec
    rows: int = 0
    undated: int = 0
    companies: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    """By modelled field."""

    def add(self, declarations: Iterable[Declaration]) -> None:
        """Counts more rows."""
        date = next((each.name for each in self.spec.fields if each.kind == "date"), None)
        optional = [each.name for each in self.spec.modelled if not each.required]
        for declaration in declarations:
            self.rows += 1
            self.undated += date is None or getattr(declaration, date) is None
            self.companies[declaration.empresa] += 1
            self.codes[declaration.subpartida] += 1
            for name in optional:
                self.missing[name] += getattr(declaration, name) is None


def check(earlier: Profile, later: Profile, limits: Limits | None = None) -> tuple[Check, ...]:
    """Looks at the rows to learn from (`earlier`) and at those to be judged on (`later`); a table whose checks all passed is fit."""
    at = limits or Limits()
    rows = earlier.rows + later.rows
    companies, codes = earlier.companies + later.companies, earlier.codes + later.codes
    largest, of_largest = companies.most_common(1)[0] if companies else ("nobody", 0)
    share, undated = of_largest / max(rows, 1), (earlier.undated + later.undated) / max(rows, 1)
    found = [
        Check("rows", rows, at.rows, rows >= at.rows, f"{rows:,} declarations (at least {at.rows:,})"),
        Check(
            "companies",
            len(companies),
            at.companies,
            len(companies) >= at.companies,
            f"{len(companies):,} companies (at least {at.companies})",
        ),
        Check("codes", len(codes), at.codes, len(codes) >= at.codes, f"{len(codes):,} subpartidas (at least {at.codes})"),
        Check(
            "largest company",
            share,
            at.company_share,
            share <= at.company_share,
            f"{largest} made {share:.0%} of the declarations (at most {at.company_share:.0%})",
        ),
        Check(
            "undated",
            undated,
            at.undated_share,
            undated <= at.undated_share,
            f"{undated:.0%} have no date (at most {at.undated_share:.0%})",
        ),
    ]
    for name in sorted(earlier.missing | later.missing):
        before, after = earlier.missing[name] / max(earlier.rows, 1), later.missing[name] / max(later.rows, 1)
        told = f"{name} is missing in {after:.0%} of the latest rows and in {before:.0%} before (at most {at.new_missing:.0%} more)"
        found.append(Check(f"missing {name}", after - before, at.new_missing, after - before <= at.new_missing, told))
    return tuple(found)
