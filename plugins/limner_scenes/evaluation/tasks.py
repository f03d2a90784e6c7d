"""The tasks that a model is measured by: the six of GenEval (arXiv 2310.11513) on scenes, and styles and settings beside them.

GenEval asks for what a detector can find and a rule can judge, and scores the mean of the six; so do we. Two rules are
stricter: nothing may be there that was not asked for, and what the reader is unsure of is wrong.
"""

from dataclasses import dataclass

from limner_scenes.evaluation.judging import Demand
from limner_scenes.sampling import Layout
from limner_scenes.worlds import World


@dataclass(frozen=True, slots=True)
class Task:
    """One task. `says` are the parts of a statement that its prompts always name; names are always said in full."""

    name: str
    layout: Layout
    demands: frozenset[Demand]
    says: frozenset[str] = frozenset()
    geneval: bool = True

    @property
    def takes_names(self) -> bool:
        """Whether it can be set with colours and kinds that training never put together."""
        return self.geneval

    def fits(self, world: World) -> bool:
        """Whether the world has what the task asks for."""
        if self.layout == "several":
            return max(world.counts) > 1
        return not self.says & {"style"} or len(world.styles) > 1


TASKS = (
    Task("single object", "one", frozenset({"kinds"})),
    Task("two objects", "two", frozenset({"kinds"})),
    Task("counting", "several", frozenset({"kinds"})),
    Task("colours", "one", frozenset({"kinds", "names"})),
    Task("position", "two", frozenset({"kinds", "relation"}), frozenset({"relation"})),
    Task("colour attribution", "two", frozenset({"kinds", "names"})),
    Task("styles", "one", frozenset({"kinds", "style"}), frozenset({"style"}), geneval=False),
    Task("settings", "one", frozenset({"kinds", "setting"}), frozenset({"setting"}), geneval=False),
)
BY_NAME = {task.name: task for task in TASKS}
