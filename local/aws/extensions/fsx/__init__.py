"""Amazon FSx for Lustre in place of moto's."""
