"""Effects: the only code that talks to the API server or to pods."""
