"""One call to any JSON API. Knows neither of the APIs, nor bulk runs."""
