"""The metrics of the models that a process serves with: the same in every process that does, told apart by who is scraped."""

from prometheus_client import Counter, Gauge

MODEL_INFO = Gauge("vigia_model_info", "1 for the model version that scores a dataset", ["dataset", "name", "version"])
MODEL_SWAPS = Counter("vigia_model_swaps_total", "Versions that took over from another one or from none", ["dataset"])
MODEL_LOAD_SECONDS = Gauge("vigia_model_load_seconds", "How long fetching and verifying the last of them took, off the loop", ["dataset"])
MODEL_PROBLEM = Gauge("vigia_model_problem", "1 while the registry does not answer, or its version was refused", ["dataset"])
