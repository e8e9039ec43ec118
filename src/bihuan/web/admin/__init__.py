"""Administration: people, posts, roles and their rights, sites, and the audit log."""
