"""Plugins: found in a fixed order, each loaded in one try of its own, checked by every rule that pluggy does not hold.

`discovery` finds them, `hook_rules` and `step_rules` check them, `loading` loads them and rolls a broken one back, and the
`Registry` is what the rest of Limner asks.
"""

from limner.plugins.discovery import BUILTINS
from limner.plugins.loading import load_plugins
from limner.plugins.registry import Registry
from limner.plugins.report import PluginReport, StepReport

__all__ = ["BUILTINS", "PluginReport", "Registry", "StepReport", "load_plugins"]
