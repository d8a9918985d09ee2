"""What `soc-env replay` makes: a page on which one can watch an episode.

| file | what it holds |
|---|---|
| episode.py | an episode played again, moment by moment |
| page.py | the page: what it is told of an episode, and how that gets into the template |
| page.html | the template: one file without any reference to another |
"""
