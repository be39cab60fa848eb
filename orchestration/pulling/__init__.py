"""Pulling: what agencies hold ready, copied into the deliveries folder.

    transfer   what is new, whole or not at all, into <deliveries>/<agency>/<delivery>/
    sources    how to reach a server, and what lies there
    places     which servers to ask for which file

Add here: a step between an agency's server and the deliveries folder. Keep out: reading what
was delivered (landing). Nothing is pulled unless `pull` is called.
"""

from orchestration.pulling.places import served
from orchestration.pulling.transfer import Pulled, PullReport, pull

__all__ = ["PullReport", "Pulled", "pull", "served"]
