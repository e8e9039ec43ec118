"""What steps of a process do to the records, one file per stage of the visit; imported once so that all register."""
