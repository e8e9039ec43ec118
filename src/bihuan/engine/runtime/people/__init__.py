"""What people do with running work besides completing it: back, again, together, by others, not now, after all."""
