# Debian with Python, made by mmdebstrap, to build on where python:3.11-slim cannot be pulled.
FROM scratch
ADD debian.tar /
