"""Whether what helped the small model helps a larger one, and how much faster it got there."""
