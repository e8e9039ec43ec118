"""Drawing swimlane diagrams: BPMN without (or with) diagram interchange in, the same model with a fresh one out."""

from bihuan.packs.layout.drawing import LayoutError, lay_out

__all__ = ["LayoutError", "lay_out"]
