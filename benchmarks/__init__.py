"""The project's speed and memory as ratios to what they cannot fall under, measured in one run."""
