"""The task layer: what each step does on the two machines, as actions that can be asked, done, put back."""
