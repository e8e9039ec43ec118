"""Cases: the list, one case with its tabs, its files and diagrams, and the customer's progress page."""
