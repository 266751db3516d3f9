"""From what people have (spreadsheets, exports of labelling tools and of other harnesses) to a card and its items."""
