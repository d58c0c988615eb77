"""Questions before anything costly: they name their target, and only a deliberate `y` answers them."""
