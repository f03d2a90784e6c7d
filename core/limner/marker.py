"""The mark of a hook implementation, `@limner.hookimpl`: apart from the hooks, so that importing a plugin costs little."""

import pluggy

PROJECT = "limner"
hookimpl = pluggy.HookimplMarker(PROJECT)
