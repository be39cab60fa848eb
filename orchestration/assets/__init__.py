"""Dagster assets, one module per stretch of the flow. An asset is a docstring and a call."""
