"""What holds while nobody is there, and since when that is."""
