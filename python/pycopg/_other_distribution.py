"""Another project is named pycopg, and so is its package. Where both are installed, their files replace each other."""

from __future__ import annotations

import os
import warnings


def warn_of_another_distribution(site_packages: str) -> None:
    """Warns (RuntimeWarning) if a distribution named pycopg is installed where we are: ours is named copg.

    It reads the names in one folder: importlib.metadata takes milliseconds to import.
    """
    try:
        names = os.listdir(site_packages)
    except OSError:  # inside an archive
        return
    for name in names:
        if name.startswith("pycopg-") and name.endswith((".dist-info", ".egg-info")):
            project = name.rpartition(".")[0].replace("-", " ", 1)
            warnings.warn(
                f"the distribution {project} is installed in {site_packages} beside copg, and files of the one have "
                "replaced files of the other: both are imported as pycopg. Keep one of them, say: "
                "pip uninstall pycopg copg, then pip install copg",
                RuntimeWarning,
                stacklevel=3,
            )
