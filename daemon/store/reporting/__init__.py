"""What the reports ask of the database: one question each, grouped there, always of one tenant."""
