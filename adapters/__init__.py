"""Clients that two or more processes share: model bundles and registry, Kafka settings, telemetry."""
