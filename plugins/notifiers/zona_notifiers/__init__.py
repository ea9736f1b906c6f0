"""Notifiers: e-mail over SMTP, signed webhooks, Slack's incoming webhooks."""
