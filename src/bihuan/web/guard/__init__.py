"""The guard's desk."""
