"""The call desk: calls as they ring, what is looked up while talking, appointments and outreach started from there."""
