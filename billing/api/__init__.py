"""The storefront's API: catalogue, checkout, payments."""
