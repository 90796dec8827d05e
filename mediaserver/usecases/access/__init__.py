"""Who may read documents and join sessions of courses."""
