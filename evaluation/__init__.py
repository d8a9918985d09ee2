"""Measuring teams: the protocols, the statistics and the tables. Nothing here imports torch by itself.

`protocol` plays a team, `statistics` says how sure its figures are, `tables` shows them, `paper` holds
the published ones; `comparison` puts these together for any number of teams, and `cli` is the console
command `soc-env`.
"""
