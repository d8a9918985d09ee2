"""What `soc-env explain` shows: why an agent decided what it decided, and how far that can be believed.

| file | what it holds |
|---|---|
| team.py | from what a user names to a team and its explainer, trained on the spot if need be |
| episode.py | a seeded episode played again |
| explanation.py | one decision and the attention behind it |
| words.py | a decision in words |
| terminal.py, picture.py | an explanation as a table and as a picture |
| faithfulness.py, curves.py | deletion and insertion areas with intervals, and their curves as a picture |

What of it imports torch is imported when it is needed only: `soc-env evaluate` works without.
"""
