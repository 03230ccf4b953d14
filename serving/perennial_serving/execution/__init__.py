"""When, where and together with what a request runs."""
