"""Pulling: what agencies hold ready, copied into the deliveries folder.

    transfer   what is new, whole or not at all, into <deliveries>/<agency>/<delivery>/
    sources    where a contract's `servers` say it lies, and how to reach it

Add here: a step between an agency's server and the deliveries folder. Keep out: reading what
was delivered (landing). Nothing is pulled unless `pull` is called.
"""

from orchestration.pulling.transfer import Pulled, PullReport, pull

__all__ = ["PullReport", "Pulled", "pull"]
