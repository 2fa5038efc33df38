"""What every coordinator is made of: what it decides, its timers, its journal."""
