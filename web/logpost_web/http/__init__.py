"""What every address shares: arguments, answers, errors, cancellation, who may ask. It knows no query and no store."""
