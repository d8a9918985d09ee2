"""What learners share: networks, rollouts, configs, run directories, checkpoints and progress.

Needs the extra `zoo`: importing this package without torch says so.
"""

from soc_env.extras import require

require("torch", extra="zoo", purpose="agent_zoo")
