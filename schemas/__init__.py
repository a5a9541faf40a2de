"""The public contract: what declarations, verdicts, alerts and dead letters look like, and the one parser."""
