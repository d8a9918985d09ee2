"""Many training runs: learners x variants of their configs x seeds.

`plan` says which runs there are, `job` carries one out, `schedule` all of them, on one of the back ends in
`local` and `on_ray`; `progress` and `display` show how far they are, `report` what came of them.
"""
