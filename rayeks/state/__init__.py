"""Where stacks remember what they made: the state bucket, from the first one on, and the way back from every mishap."""
