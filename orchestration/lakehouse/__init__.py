"""The pseudonymised part of the warehouse, for an engine that spreads it over many machines.

Identifiers, linkage and access control stay in PostgreSQL. Core, panels and the marts of persons
without names are written in SQL that other engines read too, so a state with a lakehouse can build
them there. moved.py says which models can move and what they start from; export.py writes the
start as Parquet; fingerprint.py tells whether two engines made the same tables; spark.py is the
other side, which needs pyspark and nothing else of the project.

Add here: another engine's side. Keep out: models; they are the same on every engine.
"""
