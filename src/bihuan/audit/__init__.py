"""The append-only, hash-chained log of who did what.

Use `bihuan.audit.log.record` (and `append_row` in hand-written SQL), `bihuan.audit.verification.verify`.
"""
