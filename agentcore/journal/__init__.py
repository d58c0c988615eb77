"""What the lab has written down: the journal's rows, their chain, who changed them, what is kept of a state."""
