"""What mkdocs calls: the navigation is made of the folders, the reference of the code."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Set Django up, and list whatever pages there are."""
    import django

    from docsite import navigation

    os.environ["DJANGO_SETTINGS_MODULE"] = "docsite.settings"
    django.setup()
    config.nav = navigation.of(Path(config.docs_dir))
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made of the code and those that stand in the root of the repository."""
    from mkdocs.structure.files import File

    from docsite import pages

    for path, text in pages.generated().items():
        files.append(File.generated(config, path, content=text))
    return files
