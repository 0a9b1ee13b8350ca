"""A composed online service: a shared classifier, a head for each tenant, versions changed without a lost request."""
