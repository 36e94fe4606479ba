"""What the tests share: servers and browsers, files good and bad, small models."""
