"""The frame around every screen: menu, site switch, search, notices, error pages."""
