"""The inference API: verdicts, explanations, alerts, models and the graph, over HTTP."""
