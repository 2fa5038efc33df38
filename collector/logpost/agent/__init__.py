"""The agent: one loop that lets each source take its turn, sends what comes of it, and keeps where each stands."""
