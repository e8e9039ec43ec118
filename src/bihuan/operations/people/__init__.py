"""What people do with work besides completing it: each a use case with its permission, its reason and its notices."""
