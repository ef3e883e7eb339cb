"""The read model: what is on record, ready to be listed and searched. Made from the ledger, gone without loss."""
