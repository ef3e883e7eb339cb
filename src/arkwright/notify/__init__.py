"""Telling the outside: webhooks, mail, chat."""
