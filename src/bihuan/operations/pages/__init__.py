"""What each screen shows, read in a fixed number of queries; nothing here writes."""
