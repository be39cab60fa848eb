"""Measurements anybody can repeat: accuracy and speed of the linkage on data that ships, and
what the fictional county, landing, gates and spells cost.

`linkage` links sample data and scores it, `scale` races plain Splink, `samples` reads the
data, `county` makes a county and deletes it, `gate_cost` races queries written by hand.
Add here: a benchmark that runs from the installed project alone. Keep out: anything the
pipeline uses, and figures (docs/benchmarks.md).
"""
