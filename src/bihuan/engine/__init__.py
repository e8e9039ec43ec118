"""BPMN, DMN and FEEL in pure Python: no Django, no I/O."""
