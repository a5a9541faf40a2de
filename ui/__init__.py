"""The analysts' screen: pages over the API, Spanish first. It speaks HTTP to the API, and to nothing else."""
