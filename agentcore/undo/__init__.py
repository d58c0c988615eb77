"""How what a person did is taken back, and done again."""
