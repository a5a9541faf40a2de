"""The detector beside others, on real trade data and on the simulated datasets."""
