"""Rules of the sync to an outside CRM: what is sent, what came back, when to try again."""
