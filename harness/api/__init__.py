"""What notebooks and scripts work with: ``import harness as mh``.

Decides the shape of results for people at a prompt: a readable repr, HTML in a notebook, frames of pandas. Everything
is done by the jobs that the command line calls too, with the same defaults; what the command line notes on stderr is a
``UserWarning`` here.
"""
