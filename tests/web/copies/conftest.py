from __future__ import annotations

from tests.web.visits import centre

__all__ = ["centre"]
