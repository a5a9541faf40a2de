"""Synthetic declarations from companies with habits, with anomalies injected on purpose."""
