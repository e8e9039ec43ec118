"""Sites, positions, roles, and who may do what where.

Models in `models`, use cases in `sites`, `people`, `grants`; the acting person is an `actor.Actor` from `access`.
"""
