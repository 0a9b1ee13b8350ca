"""Amazon EFS in place of moto's."""
