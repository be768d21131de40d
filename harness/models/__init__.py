"""The catalogue of model families and the content-addressed cache of their variants."""
