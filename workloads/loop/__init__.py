"""The whole life of a model in one run: trained, judged, registered, promoted, and applied to what is new."""
