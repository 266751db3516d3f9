"""Review and adjudication of labels in a browser on this machine.

``queue`` decides what is reviewed, ``session`` what a reviewer sees and may do, ``server`` which requests are honoured.
"""
