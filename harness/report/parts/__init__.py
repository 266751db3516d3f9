"""Parts of every report: numbers, words, masked texts, tables, sheets and plots."""
