"""lifecourse's one Python package.

Dagster's face is definitions.py, assets/, automation.py, checks.py, jobs.py and resources.py.
Libraries (landing, quality, linkage, county, server, warehouse) never import Dagster.
"""
