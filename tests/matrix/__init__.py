"""Real tables times every algorithm: trained, served, asked over the wire, compared."""
