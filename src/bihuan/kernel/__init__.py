"""Clock, identifiers, money, errors, working time: the few things every layer stands on."""
