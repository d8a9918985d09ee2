"""The figures of the paper, drawn from training runs and tables, with the paper's values marked in each, and
performance profiles.

| file | what it holds |
|---|---|
| sources.py | what figures are drawn from: logs of training runs and results.json |
| style.py | colours, axes, scales and legends that all figures share |
| marks.py | marks that they share, among them the paper's |
| learning.py | learning curves of the teams, and of the ablations |
| radar.py | all five metrics of each team at once |
| boxes.py | box plots of the seeds' means |
| tradeoff.py | false positives against containment |
| bars.py | the ablations as bars |
| interval.py | how long the coordinator's directives hold |
| profiles.py | how large a share of a team's episodes is better than a reward |
| catalogue.py | all figures by the name of their files |

But for the profiles everything is measured as the paper did: over the last training episodes of every seed;
teams that do not learn play as many. The held-out tables are the ones to trust.
"""
