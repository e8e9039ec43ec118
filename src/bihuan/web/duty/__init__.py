"""Duty: one's own leave and delegations, the roster, what a manager decides, and handing somebody's work over."""
