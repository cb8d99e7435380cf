"""What the office asks, answered once for every face: has this customer paid, is everything in agreement,
what needs a person. Read-only questions over the rows."""
