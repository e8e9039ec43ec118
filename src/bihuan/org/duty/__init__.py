"""Who is at work, who is away and who acts for whom: roster, leave, delegation, stand-ins, superiors, groups.

Tables in `models`; each kind has its use cases in the file of its name; `presence` answers who is on duty or away now.
"""
