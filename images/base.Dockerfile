# Debian with Python, made by debootstrap where python:3.11-slim cannot be pulled.
FROM scratch
ADD rootfs.tar /
CMD ["sleep", "infinity"]
