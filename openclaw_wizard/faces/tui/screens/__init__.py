"""One screen or dialog a file; a screen paints a `Scene` and asks for things by messages."""
