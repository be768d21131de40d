"""Is a number what it says it is? Gates before a trial, checks after it."""
