"""`make bench`: the real processes on real servers, measured against what they could be at best."""
