"""What every address shares: arguments, answers, errors, places, who may ask. It knows no query and no store."""
