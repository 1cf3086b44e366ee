"""The product: what Callboard decides and remembers. Imports none of the other rooms."""
