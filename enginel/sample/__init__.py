"""Sample designs: real CAD files with known values, and damaged ones made of them."""
