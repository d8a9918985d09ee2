"""The rules of soc_v0, one file for each thing that happens in a step, called in `step.py`.

Every rule gets the config record `c`, the arrays `s`, the lane number `i` and, where chance plays a
part, the step's key `key`, from which it takes the random stream of its own name.
"""
