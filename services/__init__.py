"""Akin: services that answer what a person will like next, and what fixed a fault before."""

import os

# The matrices here are small: BLAS threads would wait for each other, and take the other processes' cores.
# It must be set before numpy is imported, hence here.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
