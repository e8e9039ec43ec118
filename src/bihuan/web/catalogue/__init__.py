"""Parts, jobs and slot capacities: the master data a site sells and plans by."""
