"""One call to any JSON API. Knows neither API, and nothing of bulk runs."""
