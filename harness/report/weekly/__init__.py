"""The weekly quality report: many stored runs of one eval over time, told as a headline, charts, causes and asks.

``collect`` reads runs, ``build`` turns them into ``data.WeeklyData`` (pure), ``renderers`` write the formats.
"""
