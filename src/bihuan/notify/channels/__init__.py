"""One file per channel, and a register that refuses what it does not know."""
