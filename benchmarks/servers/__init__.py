"""What is measured: each a program that serves the model, or nothing, the way its authors say."""
