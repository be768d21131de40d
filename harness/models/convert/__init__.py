"""Making model files: the only room that imports converters and quantizers."""
