"""ETL and batch inference with Ray Data, in units that are done once: a rerun does only what is missing."""
