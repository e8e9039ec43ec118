"""Time limits: clocks on any subject, with a target, a warning and a consequence."""
