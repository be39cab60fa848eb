"""Quality: what is expected of each load and of core, judged by Great Expectations.

suites reads the rules, gate and core_gate run them, history remembers figures, data_docs
shows results. Nothing here imports Great Expectations until a gate runs (4-5 s).
"""
