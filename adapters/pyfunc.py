"""A bundle as MLflow's generic Python model: `mlflow.pyfunc.load_model("models:/autoencoder-exportaciones@production")`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from adapters import bundle
from core.errors import ConfigurationError
from core.scoring import Scorer
from schemas.declaration import Parser, Rejected

if TYPE_CHECKING:
    import pandas


class Predictor:
    """Scores a table of declarations with the worker's own scorer."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._parser = Parser(scorer.spec)

    def predict(self, table: pandas.DataFrame) -> pandas.DataFrame:
        """`declaration_id`, `error`, `score` and `anomaly` of each row; raises ConfigurationError for a row that is no declaration."""
        import pandas

        found = [self._parser.from_row({str(name): cell for name, cell in row.items()}) for row in table.to_dict("records")]
        declarations = []
        for number, each in enumerate(found, start=1):
            if isinstance(each, Rejected):
                raise ConfigurationError(f"row {number} is no declaration: {each.message}")
            declarations.append(each)
        scores = self._scorer.score(declarations)
        ids = [each.declaration_id for each in declarations]
        return pandas.DataFrame({"declaration_id": ids, "error": scores.error, "score": scores.score, "anomaly": scores.anomaly})


def _load_pyfunc(path: str) -> Predictor:
    """MLflow's entry point; raises BundleError."""
    return Predictor(bundle.load(Path(path)))
