"""The reports of trainings: pages, pictures and figures that are the same, byte by byte, for the same training."""
