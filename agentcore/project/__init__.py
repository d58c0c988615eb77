"""How a lab begins, and whether everything is there that it needs."""
