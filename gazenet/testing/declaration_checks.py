"""The check of a declaration, the same for plugins of all kinds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from gazenet.plugin_registry import PluginEntry, import_object, member_fault


def declares_what_it_is(entry: PluginEntry[Any]) -> None:
    """The spec survives JSON, is that of the implementation, and is read without importing torch.

    A plugin whose entry point leads to the class itself may import torch: listing it costs that import. Raises
    AssertionError, and PluginError where the implementation cannot be used.
    """
    spec = entry.spec
    models = {name: value for name, value in spec if isinstance(value, type)}
    data = json.loads(spec.model_dump_json(exclude=set(models)))
    assert type(spec).model_validate({**data, **models}) == spec, "the spec changes in JSON"
    implementation: Any = entry.load()
    fault = member_fault(implementation, spec.members)
    assert not fault, f"{implementation.__name__} {fault}"
    if hasattr(implementation, "spec"):
        assert implementation.spec == spec, "the implementation carries another spec than the entry point"
    if entry.value and not isinstance(import_object(entry.value), type):
        assert not _imports_torch(entry.value), (
            f"reading {entry.value} imports torch: keep the spec in a module of data"
        )


def _imports_torch(value: str) -> bool:
    """Return whether a fresh interpreter has torch loaded after following an entry point."""
    probe = (
        "import sys; from gazenet.plugin_registry import import_object; import_object(sys.argv[1]); "
        "print('torch' in sys.modules)"
    )
    path = os.pathsep.join(part for part in sys.path if part)
    done = subprocess.run(
        [sys.executable, "-c", probe, value],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{value} cannot be imported by itself: {done.stderr.strip()[-300:]}"
    return done.stdout.split()[-1] == "True"
