"""How fast a step is: the product against the raw floor of its database and against SpiffWorkflow.

Run by `bihuan bench engine`; needs the repository and the development requirements.
"""
