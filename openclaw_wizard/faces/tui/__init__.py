"""The terminal face, written with Textual: it shows the session and owns no work of its own."""
