"""Time limits on screen: the explanation behind every countdown."""
