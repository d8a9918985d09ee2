"""The mailroom: reports of suspicious mail pile up, and some of them are phishing.

A day has a fixed number of steps. In each, a report may arrive. The triage judges the one at the head:
escalate (right if it is phishing, else an hour of somebody's time), suppress (wrong if it is), enrich (one
more look) or correlate (put it back behind the others). The hunter's first number is how hard mailboxes are
swept for phishing that was let through. There are no segments, and coordinator and responder have nothing to
set.
"""

from mailroom.scenario import Config, Mailroom
from soc_env.contract import faces

parallel_env, raw_env, env, joint_env, vector_env = faces(Mailroom, __name__)

__all__ = ["Config", "Mailroom", "env", "joint_env", "parallel_env", "raw_env", "vector_env"]
