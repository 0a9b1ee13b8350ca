"""Pulumi resource providers over plain cloud APIs, because the published plugins need an AWS account."""
