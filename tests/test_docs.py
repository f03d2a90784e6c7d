"""The documents say what the code does."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
import yaml

import limner
from limner.hookspecs import PLUGIN_HOOKS, STAGES, StageHooks
from limner.settings import KNOWN

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PLUGINS = (ROOT / "docs" / "plugins.md").read_text()


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_readmes_pipeline_is_the_one_that_ships():
    [shown] = blocks(README, "yaml")
    shipped = yaml.safe_load((ROOT / "pipelines.yaml").read_text())
    assert yaml.safe_load(shown)["pipelines"]["text-to-image"] == shipped["pipelines"]["text-to-image"]


def test_the_readme_names_every_setting_and_the_first_commands():
    for name in KNOWN:
        assert name in README
    assert re.search(r"```sh\nmake demo.*\nmake test", README)


PAGES = ("README", "docs/architecture", "docs/models", "docs/plugins", "docs/policy", "docs/tasks", "docs/training")


@pytest.mark.parametrize("page", [f"{page}.md" for page in PAGES])
def test_links_lead_somewhere(page: str):
    path = ROOT / page
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text()):
        assert (path.parent / link).exists(), f"{page} links to {link}"


def stage_rows() -> list[str]:
    rows = []
    for name, stage in STAGES.items():
        returns = inspect.signature(getattr(StageHooks, name)).return_annotation
        inner = re.fullmatch(r"Sequence\[(.*) \| ItemError\]", returns)
        assert inner, returns
        cells = (", ".join(sorted(values)) or "—" for values in (stage.needs, stage.reads, stage.writes))
        rows.append(f"| `{name}` | {' | '.join(cells)} | `{inner[1].replace('|', 'or')}` |")
    return rows


def test_the_plugin_page_has_every_stage_as_it_is():
    assert "\n".join(stage_rows()) in PLUGINS


def test_the_plugin_page_names_every_other_hook():
    for hooks in PLUGIN_HOOKS:
        for name in vars(hooks):
            if not name.startswith("_"):
                assert f"`{name}`" in PLUGINS


def test_the_facade_offers_what_it_lists():
    assert sorted(limner.__all__) == sorted(set(limner.__all__))
    for name in limner.__all__:
        assert hasattr(limner, name)
