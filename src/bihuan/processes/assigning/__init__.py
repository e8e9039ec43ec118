"""Who does a person's step: from the rule on the diagram to people, decided when the step opens.

`deciding` is the one way in; `sources` says among whom, `picking` which of them. The rule is read in
`engine/definition/assignment.py`; docs/packs.md describes it.
"""
