"""The comparison report: one frozen tree of data, and the pages made from it.

``source`` says what a report is made of, ``from_run`` takes it from a stored run, ``build`` turns it into
``ReportData`` (the contract of every renderer), ``items`` packs the item table, and ``page`` writes the HTML file.
"""
