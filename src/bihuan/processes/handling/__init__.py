"""What people do with running work besides completing it, as rows and history: one file per kind of thing they do."""
