"""What this process has: memory, processors, files, ports; and how it says what is wrong."""
