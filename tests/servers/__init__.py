"""Servers nobody here wrote: what our clients say is checked by them, and the speed of HTTP/2 measured against them."""
