"""Who people are here: accounts, ways in, sessions, as whom they sign."""
