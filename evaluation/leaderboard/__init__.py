"""A leaderboard whose figures anyone can check.

An entry (`entry`) is a JSON file with what one team did under the held-out protocol, and beside it a file
with every action that counted (`actions`). `submit` plays a team and writes its entry; `verify` plays the
actions again (`replay`) and asks the policy once more (`policy_check`); `build` ranks a folder of
entries. `soc-env leaderboard` does these.
"""
