"""Figures for publications, with the data beside each; the only room that draws with matplotlib."""
