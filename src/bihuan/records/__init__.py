"""Business facts of a service organisation: customers, vehicles, parts, cases, bookings, custody, billing, feedback."""
