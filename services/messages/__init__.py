"""What services tell each other. This room imports nothing of ours, so that every room may import it."""
