"""Work that waits for a person: what is held, what a reviewer says of it, and what is called back."""
