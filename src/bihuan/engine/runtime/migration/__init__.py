"""Moving a running instance to another version of its process: `plan`, `obstacles`, and `moving` that does it."""
