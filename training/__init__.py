"""Learns a model from declarations and writes its bundle."""
