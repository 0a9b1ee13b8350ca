"""One job whose stages each have machines of their own kind, which come as the stage begins and go as it ends."""
