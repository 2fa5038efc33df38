"""What reads the logs back: the indexer, the search store, the pages, the API and the exporter."""
