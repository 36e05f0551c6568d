"""The two doors as aiohttp applications: HTTP into calls and back, deciding nothing."""
