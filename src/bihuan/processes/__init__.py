"""Published processes and their running instances: versions, work items, timers, incidents, jobs and the worker.

Use `bihuan.processes.engine_store` to act, `bihuan.processes.queries` to look.
"""
