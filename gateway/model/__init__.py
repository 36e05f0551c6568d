"""The words everything else speaks in: frozen values, no I/O, no imports from other rooms."""
