"""How an installation is set up: settings from the environment, root addresses, the WSGI entry."""
