"""What people read: numbers as text, tables, pages, sheets and plots, built from scores and comparisons."""
