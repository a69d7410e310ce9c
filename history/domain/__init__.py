"""Pure rules of the history: no Django, no settings, no clock."""
