"""The random streams of a step: one for each use of chance, so that none disturbs another."""

ATTACK = 0
ALERTS = 1
DETECTION = 2
FALSE_SCAN = 3
ISOLATION = 4
COLLATERAL = 5
REMEDIATION = 6
OBSERVATION_NOISE = 7
