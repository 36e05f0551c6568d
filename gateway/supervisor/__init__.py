"""Several worker processes as one gateway: started, watched, replaced, drained together."""
