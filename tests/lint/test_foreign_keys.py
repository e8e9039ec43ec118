"""Models point downwards only: the layers of the imports hold for the tables too."""

from __future__ import annotations

import tomllib
from pathlib import Path

from django.apps import apps

ROOT = Path(__file__).resolve().parents[2]
# Tables of others that any model may point to; none is used today.
OUTSIDE: frozenset[str] = frozenset()


def _layers() -> dict[str, int]:
    """Folder → depth, read from the import contract so that there is one truth."""
    with (ROOT / "pyproject.toml").open("rb") as stream:
        contracts = tomllib.load(stream)["tool"]["importlinter"]["contracts"]
    contract = next(one for one in contracts if one["type"] == "layers")
    return {name.strip(" ()"): depth for depth, layer in enumerate(contract["layers"]) for name in layer.split("|")}


def test_foreign_keys_point_downwards() -> None:
    depth = _layers()
    ours = [model for model in apps.get_models() if model.__module__.startswith("bihuan.")]
    assert ours, "no models found"
    wrong = []
    for model in ours:
        for field in model._meta.get_fields():
            other = field.related_model
            # Only the side that holds the column or the joining table counts, not the reverse accessor.
            if field.auto_created or other is None or isinstance(other, str):
                continue
            source, target = model._meta.app_label, other._meta.app_label
            if source != target and target not in OUTSIDE and depth.get(target, -1) <= depth[source]:
                wrong.append(f"{model.__name__}.{field.name} ({source}) → {other.__name__} ({target})")
    assert not wrong, "\n".join(wrong)


def test_every_application_is_a_layer() -> None:
    labels = {config.label for config in apps.get_app_configs() if config.name.startswith("bihuan.")}
    assert labels <= set(_layers())
