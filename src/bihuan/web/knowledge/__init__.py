"""Knowledge: notes shown in steps and kept by those who know."""
