"""Reports to rows, runs and configuration versions written, the books audited in Decimal."""
