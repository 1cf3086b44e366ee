"""The process: command line, wiring, dispatcher, commands, HTTP."""
