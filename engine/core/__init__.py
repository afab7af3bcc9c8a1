"""The pure core: numpy and numba only. No file, socket, clock, thread, random number or pandas may enter this folder."""
