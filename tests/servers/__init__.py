"""HTTP/2 servers nobody here wrote: what our client says is checked by them, and its speed measured against them."""
