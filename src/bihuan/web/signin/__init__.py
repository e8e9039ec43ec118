"""Sign-in, sign-out and the demo centre's people."""
