"""Amazon EKS in place of moto's: clusters, node groups, add-ons, access entries, Pod Identity, updates."""
