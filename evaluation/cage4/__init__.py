"""CAGE Challenge 4 (CybORG) played by SOC teams: the translation, the runner and the evaluation.

- What means what: `meaning` (zones and segments), `observing.TABLE`, `acting.RULES`, `truth.TABLE`.
- The translation: `adapter`, on `interface` (sizes and labels), `flags` (what was seen) and `evidence` (what
  is remembered). It needs no CybORG, and nothing of CybORG is part of this package.
- Playing: `cyborg` (the only module that imports it), `processes` and `players`; `vector` is an environment
  to train in.
- Measuring: `protocol`, `measures`, `rows`, `report`; `projections` is the published transfer, to compare.

To be said beside every score: the adapter itself defends, so a team counts by its difference to teams without
skill. One team sees and commands all five zones, where the challenge's agents are meant to exchange 8 bits a
step. And the adapter reads what an examination finds, which `BlueFlatWrapper` leaves out.
"""
