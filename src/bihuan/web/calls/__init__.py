"""The call desk and outreach."""
