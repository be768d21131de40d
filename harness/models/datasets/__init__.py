"""Data with known answers, preprocessing, and the samples that quantizers measure ranges on.

Lower modules need nothing but numpy; scikit-learn, which brings the digits, is imported where they
are loaded.
"""
