"""What people say to each other about the nouns: threads, mentions, questions, points. Pure."""
