"""Small parts that screens are made of; each paints what it is handed, and knows nothing else."""
