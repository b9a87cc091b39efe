"""The corpus: sources, cleaning, licences, personal data, deduplication, splits and the ledger."""
