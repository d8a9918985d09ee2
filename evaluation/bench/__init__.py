"""What `soc-env bench` measures: the environment's speed, a team's decisions, and how long training takes.

Whatever is compared takes turns in one run, so that a busy machine slows all alike; what counts are ratios.
"""
