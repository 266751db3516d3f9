"""A gate's report where continuous integration shows it: JUnit, annotations, job summary, pull-request comment.

Every text here is hostile until escaped: category names and item ids come from files, and item text is never shown.
"""
