"""People who sign in. What they may do is org's business."""
