"""One file per BPMN element: what it does when a token comes, when it has waited, and when it is done."""
