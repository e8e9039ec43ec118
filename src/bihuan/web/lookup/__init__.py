"""JSON that pickers and work lines ask for while somebody types."""
