"""What people see of a plan: on a terminal, in a pull request, in a browser. All three read one Report."""
