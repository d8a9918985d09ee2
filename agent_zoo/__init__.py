"""Learners for soc-env and their pretrained teams.

Importing this package does not import torch; loading a team or importing `agent_zoo.learning` does.
"""

from __future__ import annotations


def list_entries() -> list[str]:
    """Names of the pretrained teams that the zoo offers."""
    return []
