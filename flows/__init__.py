"""Prefect flows: in which order data comes in, models are trained, judged, put into production and watched."""
