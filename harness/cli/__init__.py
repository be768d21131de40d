"""The command line: the composition root, and the only room that prints or exits."""
