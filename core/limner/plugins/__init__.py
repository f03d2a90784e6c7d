"""Plugins: found in a fixed order, each loaded in one try of its own, checked by every rule that pluggy does not hold.

`discovery` finds them, `hook_rules` and `step_rules` check them, `loading` loads them and rolls a broken one back, and the
`registry` is what the rest of Limner asks. `commands` lets them add to the command line, and loads nothing else.
"""
