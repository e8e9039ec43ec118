"""Connecting the channels by which notices go out, and looking after what was not delivered."""
