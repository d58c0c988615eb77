"""What the screens are made of: panes that show state. None of them changes anything."""
