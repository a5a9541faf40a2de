"""The floor under detection: a model of the customs declarations, trained as a user trains it, ranks at least this well."""

from training.alterations import Past
from training.benchmark import korea, ours
from training.evaluate import MIXED, altered_sets
from training.measures import detection

ROC_AUC, AVERAGE_PRECISION = 0.92, 0.50


def test_altered_customs_declarations_rank_above_untouched_ones() -> None:
    case = korea.load(seed=1)
    altered = altered_sets(case.later, Past(case.earlier), seed=1)[MIXED]
    scorer = ours.fit(case.spec, case.earlier, seed=1)
    found = detection(altered.labels, scorer.score(altered.declarations).error)
    assert found.roc_auc >= ROC_AUC
    assert found.average_precision >= AVERAGE_PRECISION
