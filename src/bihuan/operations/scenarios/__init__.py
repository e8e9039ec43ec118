"""Stories that are played through the same use cases as the screens (docs/scenarios.md)."""
