"""One step of a case: what to do, what to say, the form, and who else is in it."""
