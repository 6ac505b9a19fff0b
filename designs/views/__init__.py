"""HTTP views: parsing of requests and shaping of responses. The rules are in the modules that the views call."""
