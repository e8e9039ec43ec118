"""抄送: what was copied to me, 已阅, 催阅 and taking a copy back."""
