"""What moto's EC2 lacks or is too lenient about: dependencies, NAT, placement, reservations, images, spot."""
