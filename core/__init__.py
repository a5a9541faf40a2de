"""Decides: features, scores, explanations. No I/O, clock, environment or framework."""
