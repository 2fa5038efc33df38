"""What every coordinator is made of: its decisions, its timers, its journal."""
