"""Reports of a site."""
