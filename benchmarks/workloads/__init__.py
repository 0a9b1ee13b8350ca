"""What the samples reach on Ray of this machine, each beside a baseline that is measured in the same run."""
