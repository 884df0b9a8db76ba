"""Pictures and pages for people: the overlay and the HTML report."""
