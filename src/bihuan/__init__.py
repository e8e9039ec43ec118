"""闭环 Bihuan: rule books that run as processes."""
